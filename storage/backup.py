"""Daily copies of the database by SQLite's own backup interface, which copies a consistent state while others write.

Owns their names and how many are kept.
"""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

KEPT = 3
DAY_S = 86_400.0


def backups(folder: Path) -> list[Path]:
    """The backups, newest first."""
    return sorted(folder.glob("tuned-*.db"), reverse=True)


def backup_due(folder: Path, now: float) -> bool:
    """Whether the newest backup is a day old, or there is none. A clock that was set back makes none due twice."""
    newest = next(iter(backups(folder)), None)
    return newest is None or abs(now - newest.stat().st_mtime) >= DAY_S


def back_up(database: Path, folder: Path, now: float) -> Path:
    """Copy the database, and drop the oldest copies.

    Args:
        database: The SQLite file; others may be writing to it.
        folder: Where copies are kept; made if missing.
        now: Unix seconds, for the name.

    Returns:
        The new copy.

    Raises:
        sqlite3.Error: It could not be read or copied; no partial copy is left.
        OSError: The folder cannot be written.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    name = datetime.fromtimestamp(now, UTC).strftime("tuned-%Y%m%d-%H%M%S.db")
    partial = folder / f".{name}.part"
    partial.touch(mode=0o600)
    try:
        source = sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)
        target = sqlite3.connect(partial)
        try:
            source.backup(target, pages=256, sleep=0.005)
        finally:
            target.close()
            source.close()
        partial.rename(folder / name)
    finally:
        partial.unlink(missing_ok=True)
    for old in backups(folder)[KEPT:]:
        old.unlink()
    return folder / name
