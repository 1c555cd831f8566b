"""A database whose file was taken away under it: saving what its connection still holds, and leaving it.

Owns where that is put and the words for it. Called once, on the thread of the write connection.
"""

from __future__ import annotations

import contextlib
import ctypes
import shlex
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from storage.driver import driver_of
from storage.guard import FileGuard

NOTHING_MORE = "while the daemon ran, so nothing is taken in any more"
MOVED = f"it was moved, removed or replaced {NOTHING_MORE}"
LOG_LOST = f"its log was removed or cut short {NOTHING_MORE}"
RESCUED = ".rescued-"


def leave(conn: Connection, path: Path, guard: FileGuard) -> tuple[str, str]:
    """Save what can be saved, and see to it that nothing else is written into whatever lies at the path now.

    Args:
        conn: The write connection, without a transaction; not to be used any more.
        path: Where the file was.
        guard: Its identity and header, as they were last seen.

    Returns:
        The message for people, and the remedy.
    """
    folder = guard.folder
    elsewhere, log_lost = guard.file_replaced(), guard.log_lost()
    if elsewhere and folder is not None and guard.moved_along:
        conn.close()  # the file is complete then, where it is now
        what = f"its folder was moved to {folder} {NOTHING_MORE}"
        return what, f"tunectl daemon stop; then work with TUNED_HOME={shlex.quote(str(folder))}"
    target = _target(path, folder)
    saved = _save(conn, target)
    if elsewhere:
        conn.close()
    else:
        _abandon(conn, path, keep_log=log_lost)
    what = LOG_LOST if log_lost and not elsewhere else MOVED
    if not saved:
        return what, "tunectl daemon stop; then: tunectl daemon recover"
    move = shlex.join(["mv", str(target), str(path)])
    return f"{what}; what it held is in {target}", f"tunectl daemon stop; then: {move}"


def _target(path: Path, folder: Path | None) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    if folder is not None:
        return folder / f"{path.name}{RESCUED}{stamp}"
    return path.parent.parent / f"{path.parent.name}-{path.name}{RESCUED}{stamp}"


def _save(conn: Connection, target: Path) -> bool:
    """Whether a sound copy lies at the target now."""
    try:
        target.touch(mode=0o600)
        driver_of(conn).execute("VACUUM INTO ?", (str(target),))
        with contextlib.closing(sqlite3.connect(target)) as copy:
            # Of a file that was written over, what it held is mixed with what lies there now: it must fit together.
            if copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)] and not _loose(copy):
                return True
    except (OSError, sqlite3.Error, DBAPIError):
        pass
    with contextlib.suppress(OSError):
        target.unlink()
    return False


def _loose(copy: sqlite3.Connection) -> bool:
    """Whether a row refers to one that is not there."""
    return copy.execute("PRAGMA foreign_key_check").fetchone() is not None


def _abandon(conn: Connection, path: Path, *, keep_log: bool) -> None:
    """Never close a connection whose file was written over: closing would move its log into what lies there now.

    A log that was cut short is kept: its beginning is the file's.
    """
    for ending in () if keep_log else ("-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(conn))
