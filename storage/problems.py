"""Faults of a database file, each as one line for a person.

Owns the reading of SQLite's errors and of the file system under the file. Repairs nothing.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from storage.json_text import UnreadableRow
from tuned.core.errors import Conflict, Unavailable
from tuned.file_systems import NETWORK, file_system

_BLOCK = 2**20
DAMAGED_HINT = "tunectl daemon recover brings back all that is left of it; see: tunectl help recovery"

_REMEDIES: dict[int, tuple[str, str]] = {
    sqlite3.SQLITE_FULL: ("the disk is full", "free some space; nothing that was acknowledged is lost"),
    sqlite3.SQLITE_READONLY: ("it cannot be written", "make the file and its folder writable for this user"),
    sqlite3.SQLITE_CANTOPEN: ("it cannot be opened", "see that the folder exists and is writable for this user"),
    sqlite3.SQLITE_PERM: ("access is denied", "make the file and its folder writable for this user"),
    sqlite3.SQLITE_AUTH: ("access is denied", "make the file and its folder writable for this user"),
    sqlite3.SQLITE_BUSY: ("another program has locked it", "end the program that has it open"),
    sqlite3.SQLITE_LOCKED: ("another program has locked it", "end the program that has it open"),
    sqlite3.SQLITE_NOTADB: ("it is not a database", "move the file away, or: tunectl daemon recover"),
    sqlite3.SQLITE_CORRUPT: ("the database is damaged", DAMAGED_HINT),
    sqlite3.SQLITE_IOERR: ("the disk reports an error", "look at `dmesg`; is the disk full or failing"),
    sqlite3.SQLITE_NOMEM: ("memory ran out", "free some memory"),
}


class Damaged(Unavailable):
    """The file is no sound database."""


class StaleState(Conflict):
    """The row is no longer as the caller saw it: somebody else was first."""


def explain(error: BaseException, path: Path) -> BaseException:
    """An error of SQLite as `Unavailable` when it is the file's or the disk's fault; any other error as it is.

    An `OSError` of a caller's own files is not the database's: it passes unchanged.
    """
    original = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(original, UnreadableRow) or _is_garbled(original):
        return Damaged(f"the database is damaged: {original}", where=str(path), hint=DAMAGED_HINT)
    if not isinstance(original, sqlite3.DatabaseError):
        return error
    if isinstance(original, sqlite3.IntegrityError | sqlite3.ProgrammingError):
        return error
    code = getattr(original, "sqlite_errorcode", None)
    known = _REMEDIES.get(code & 0xFF) if code is not None else None
    if known is None:
        return error
    if code is not None and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return unreadable(path) or Damaged(known[0], where=str(path), hint=known[1])
    return Unavailable(known[0], where=str(path), hint=known[1])


def _is_garbled(error: BaseException | None) -> bool:
    """Whether SQLite has read bytes that are no text, or text that is no JSON where a JSON function needs it."""
    garbled = ("malformed JSON", "Could not decode to UTF-8")
    return isinstance(error, sqlite3.OperationalError) and str(error).startswith(garbled)


def unreadable(path: Path) -> Unavailable | None:
    """The disk's fault behind what SQLite calls damage; None where every byte of the file can be read.

    SQLite reports a read that the disk refuses (EIO) as a malformed file (SQLITE_IOERR_CORRUPTFS), so this reads it.
    """
    for file in (path, path.with_name(f"{path.name}-wal")):
        try:
            fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            at = 0
            while piece := os.pread(fd, _BLOCK, at):
                at += len(piece)
        except OSError as error:
            what, hint = _REMEDIES[sqlite3.SQLITE_IOERR]
            return Unavailable(f"{what}: {error.strerror}", where=str(file), hint=hint)
        finally:
            os.close(fd)
    return None


def found_by_check(lines: Sequence[str], path: Path) -> Unavailable:
    """The error behind the findings of `PRAGMA quick_check`: damage, or a disk that cannot be read."""
    for line in lines:
        code = re.search(r"error code=(\d+)", line)
        number = int(code[1]) & 0xFF if code else sqlite3.SQLITE_CORRUPT
        if number in _REMEDIES and number != sqlite3.SQLITE_CORRUPT:
            what, hint = _REMEDIES[number]
            return Unavailable(what, where=str(path), hint=hint)
    dead = unreadable(path)
    if dead is not None:
        return dead
    first = lines[0].replace("\n", " ") if lines else "it cannot be checked"
    return Damaged(f"the database is damaged: {first}", where=str(path), hint=DAMAGED_HINT)


def unopened(error: OSError, path: Path) -> Unavailable:
    """The refusal of a file that the operating system does not let us open."""
    what = (error.strerror or str(error)).lower()
    return Unavailable(f"it cannot be opened: {what}", where=str(path), hint=_REMEDIES[sqlite3.SQLITE_CANTOPEN][1])


def refuse_network(path: Path, mounts: str) -> None:
    """Refuse a file on a network file system.

    Args:
        path: The database file; it need not exist.
        mounts: The content of `/proc/mounts`.

    Raises:
        Unavailable: It would lie on one.
    """
    found = file_system(path, mounts)
    if found in NETWORK:
        raise Unavailable(
            f"its folder is on a network file system ({found}), which would damage the database",
            where=str(path),
            hint="set TUNED_HOME to a folder on a local disk",
        )
