"""Copies of the database by SQLite's own backup interface, which copies a consistent state while others write.

Owns their names, when one is due, and which are kept. A copy is checked before an older one goes: a damaged database
must not take the place of its own sound copies.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from storage.problems import DAMAGED_HINT, Damaged, explain, found_by_check
from storage.soundness import STUDIES, garbled, unsound

DAYS, WEEKS, MONTHS = 3, 3, 3
"""So many of the last days, weeks and months of which there is a copy keep their newest one."""
DAY_S = 86_400.0
SOON_S = 600.0
GROWTH = 2.0
"""A database that has become so many times as large as its newest copy is copied before the day is over."""

_NAME = "tuned-%Y%m%d-%H%M%S.db"


def backups(folder: Path) -> list[Path]:
    """The backups, newest first."""
    return sorted(folder.glob("tuned-*.db"), reverse=True)


def backup_due(folder: Path, now: float, database: Path) -> bool:
    """Whether the newest copy is a day old, or the database has grown much since.

    A clock that was set back makes none due twice.

    Args:
        folder: Where copies are kept.
        now: Unix seconds.
        database: The file; it holds at least one study.
    """
    newest = next(iter(backups(folder)), None)
    if newest is None:
        return True
    found = newest.stat()
    age = abs(now - found.st_mtime)
    return age >= DAY_S or (age >= SOON_S and _size(database) >= GROWTH * found.st_size)


def _size(database: Path) -> int:
    total = 0
    for path in (database, database.with_name(f"{database.name}-wal")):
        with contextlib.suppress(OSError):
            total += path.stat().st_size
    return total


def back_up(database: Path, folder: Path, now: float) -> Path:
    """Copy the database, check the copy, and drop those that are not worth keeping any more.

    Args:
        database: The SQLite file; others may be writing to it.
        folder: Where copies are kept; made if missing.
        now: Unix seconds, for the name.

    Returns:
        The new copy.

    Raises:
        Damaged: The database has damaged pages; the older copies are left alone.
        Unavailable: It could not be read or copied; no partial copy is left.
        OSError: The folder cannot be written.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    name = datetime.fromtimestamp(now, UTC).strftime(_NAME)
    partial = folder / f".{name}.part"
    partial.touch(mode=0o600)
    try:
        source = sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)
        target = sqlite3.connect(partial)
        try:
            source.backup(target, pages=256, sleep=0.005)
            found = _checked(target)
            rows = [] if found else unsound(target, STUDIES)
        finally:
            target.close()
            source.close()
        if found:
            raise found_by_check(found, database)
        if rows:
            raise Damaged(f"the database is damaged: {garbled(rows)}", where=str(database), hint=DAMAGED_HINT)
        partial.rename(folder / name)
    except sqlite3.Error as error:
        raise explain(error, database) from error
    finally:
        partial.unlink(missing_ok=True)
    kept = to_keep([path.name for path in backups(folder)])
    for old in backups(folder):
        if old.name not in kept:
            old.unlink()
    return folder / name


def to_keep(names: Sequence[str]) -> set[str]:
    """Which of these copies are kept: the newest of each of the last days, weeks and months that have one.

    Args:
        names: Names as `back_up` gives them, newest first; others are kept.
    """
    kept: set[str] = set()
    newest: tuple[dict[object, str], ...] = ({}, {}, {})
    for name in names:
        try:
            at = datetime.strptime(name, _NAME)  # noqa: DTZ007 - all of them are UTC
        except ValueError:
            kept.add(name)
            continue
        spans = (at.date(), at.isocalendar()[:2], (at.year, at.month))
        for span, most, found in zip(spans, (DAYS, WEEKS, MONTHS), newest, strict=True):
            if span not in found and len(found) < most:
                found[span] = name
                kept.add(name)
    return kept


def is_sound(copy: Path) -> bool:
    """Whether a copy has no damaged page and holds something."""
    # Without a log beside it the file is all there is, and SQLite is told so: it would leave an empty log behind.
    alone = "&immutable=1" if not Path(f"{copy}-wal").exists() else ""
    try:
        with contextlib.closing(sqlite3.connect(f"{copy.absolute().as_uri()}?mode=ro{alone}", uri=True)) as conn:
            return not _checked(conn) and bool(conn.execute("SELECT count(*) FROM studies").fetchone()[0])
    except sqlite3.Error:
        return False


def _checked(conn: sqlite3.Connection) -> list[str]:
    """The findings of `quick_check`; none in a sound file."""
    found = [str(line) for (line,) in conn.execute("PRAGMA quick_check")]
    return [] if found == ["ok"] else found
