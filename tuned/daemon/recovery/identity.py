"""Which state folder this is: a copy must not touch the trials of the folder that it was copied from.

Owns `home.json`, which holds the folder's device and inode, and the boot in which they were noted. Process ids of
another boot mean nothing, so that a folder copied then has nothing to touch.
"""

from __future__ import annotations

import contextlib
import os
from functools import partial
from typing import Any

from sqlalchemy import Connection

from storage import queries, repository
from storage.engine import Database
from storage.queries import LiveAttempt
from tuned import protocol
from tuned.core.errors import Conflict
from tuned.core.places import place_of
from tuned.core.states import Actor, StudyState
from tuned.daemon import clock
from tuned.daemon.files import records
from tuned.home import Home
from tuned.launch.descendants import of_attempt

FILE = "home.json"


def check(home: Home, database: Database) -> list[str]:
    """Note whose folder this is, unless it is a copy of one whose trials live.

    Returns:
        A remark for people: that it was copied or moved.

    Raises:
        Conflict: It is such a copy; nothing was touched.
    """
    origin = copied_from(home)
    if origin is None:
        note(home)
        return []
    alive = living(database)
    if alive:
        names = ", ".join(row.trial.name for row in alive[:5])
        raise Conflict(
            f"it is a copy of {origin}, where {names} {'runs' if len(alive) == 1 else 'run'}",
            where=str(home.root),
            hint=f"tunectl daemon recover makes it a state folder of its own; those trials stay with {origin}",
        )
    note(home)
    return [f"this state folder was copied or moved from {origin}"]


def copied_from(home: Home) -> str | None:
    """The folder that this one was copied from since the machine was started; None for an original."""
    record = _read(home)
    if record is None or record.get("boot_id") != protocol.boot_id():
        return None
    found = home.root.stat()
    same = (record.get("device"), record.get("inode")) == (found.st_dev, found.st_ino)
    return None if same else str(record.get("path"))


def living(database: Database) -> list[LiveAttempt]:
    """The live rows of which a process is there, or may be in a place."""
    with database.read() as conn:
        rows = queries.live(conn)
    found = []
    for row in rows:
        run_dir = database.located(row.run_dir)
        start = records.start(run_dir, row.attempt_id)
        if place_of(row.trial.device) and not records.has_end(run_dir, row.attempt_id):
            found.append(row)  # nothing here tells whether it lives there
        elif next(of_attempt(row.attempt_id, str(run_dir), start), None) is not None:
            found.append(row)
    return found


def disown(home: Home, database: Database, *, dry: bool = False) -> list[str]:
    """Leave the trials that live to the folder that this one was copied from, and pause their studies here.

    With `dry` only the database changes, which is a copy then.

    Returns:
        A line for each.
    """
    origin = copied_from(home)
    lines = []
    for row in [] if origin is None else living(database):
        database.writer.submit(partial(_release, row=row, reason=f"it runs in {origin}")).result()
        lines.append(f"{row.trial.name} runs in {origin}: queued here, and its study is paused")
    if not dry:
        note(home)
    return lines


def _release(conn: Connection, row: LiveAttempt, reason: str) -> None:
    now, trial = clock.now(), row.trial
    repository.end_attempt(
        conn, trial.id, row.attempt, "retry", Actor.RECOVERY, now,
        exit_record=None, failure=None, reason=reason, traceback="",
    )  # fmt: skip
    if queries.study_by_id(conn, trial.study_id).state is StudyState.RUNNING:
        why = f"this state folder was copied while {trial.name} ran"
        repository.move_study(conn, trial.study_id, "pause", Actor.SCHEDULER, now, reason=why)


def note(home: Home) -> None:
    """Note the folder as an original; a disk that is full only leaves the last note."""
    found = home.root.stat()
    record: dict[str, Any] = {
        "path": str(home.root),
        "device": found.st_dev,
        "inode": found.st_ino,
        "boot_id": protocol.boot_id(),
    }
    known = _read(home)
    if known is None or any(known.get(key) != value for key, value in record.items()):
        with contextlib.suppress(OSError):
            protocol.write_record(os.fspath(home.root), FILE, record)


def _read(home: Home) -> dict[str, Any] | None:
    with contextlib.suppress(OSError, protocol.RecordError):
        return protocol.read_record(os.fspath(home.root), FILE)
    return None
