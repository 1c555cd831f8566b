"""`study.json` beside a study's run directories: what a database can be rebuilt from, should it be lost.

Owns keeping those records equal to the database. It reads rows and writes files; no decision depends on a record.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from pathlib import Path

from sqlalchemy import Connection

from storage import queries
from storage.engine import Database
from tuned import protocol
from tuned.core import events
from tuned.core.errors import TunedError
from tuned.core.events import Event
from tuned.core.trials.trial import OWN_ORIGINS
from tuned.daemon import failpoints
from tuned.daemon.files import run_dirs
from tuned.daemon.hub import Hub

log = logging.getLogger(__name__)

RETRY_S = 60.0
"""Until a record that could not be written is tried once more."""
ROUND_S = 1.0
"""At most one round of writing in this time, however many events there are."""

_OF_STUDY = frozenset(
    {
        events.STUDY_SUBMITTED,
        events.STUDY_MOVED,
        events.STUDY_PRIORITY,
        events.STUDY_PHASE,
        events.STUDY_STEP,
        events.STUDY_CHANGED,
        events.STUDY_SPACE,
        events.STUDY_DELETED,
        events.TRIAL_PRIORITY,
    }
)


class StudyRecords:
    """Writes the records whose content has changed; at its start it looks at all of them.

    Args:
        database: Where the studies are.
        hub: Says which studies have changed.
        runs: The folder of all run directories.
    """

    def __init__(self, database: Database, hub: Hub, runs: Path) -> None:
        self._database = database
        self._runs = runs
        self._changed: set[str] = set()
        self._unwritten: dict[str, str] = {}
        """Study -> why its record could not be written, as the log says it."""
        self._wake = asyncio.Event()
        self._turn = threading.Lock()
        hub.listen(self._listen)

    async def run(self) -> None:
        """Write until cancelled."""
        self._changed.update(await self._database.ask(queries.study_names))
        while True:
            failpoints.reach("loop.records")
            failed = await self._round()
            self._changed |= failed
            await asyncio.sleep(ROUND_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RETRY_S if failed else None):
                    await self._wake.wait()

    def _listen(self, news: list[Event]) -> None:
        changed = {event.study for event in news if _matters(event)}
        if changed:
            self._changed |= changed
            self._wake.set()

    async def _round(self) -> set[str]:
        """Bring the records of all changed studies up to date; the names of those where that failed."""
        self._wake.clear()
        changed, self._changed = self._changed, set()
        failed = set()
        for name in sorted(changed):
            try:
                await asyncio.to_thread(self._write, name)
            except (OSError, TunedError) as error:
                if self._unwritten.get(name) != str(error):
                    log.warning("the record of study %s could not be written: %s", name, error)
                self._unwritten[name] = str(error)
                failed.add(name)
            else:
                if self._unwritten.pop(name, None) is not None:
                    log.info("the record of study %s is up to date again", name)
        return failed

    def begin(self, name: str) -> None:
        """Write a study's first record, unless it is there: before its first run directory is made. Blocks.

        Raises:
            OSError, TunedError: It cannot be written.
        """
        if not (self._runs / name / protocol.STUDY_FILE).exists():
            self._write(name)

    def _write(self, name: str) -> None:
        with self._turn:  # an older state of the rows never takes the place of a newer one
            self._write_alone(name)

    def _write_alone(self, name: str) -> None:
        folder = self._runs / name
        with self._database.read() as conn:
            record = queries.study_record(conn, name)
            if record is None:
                drop_deleted(conn, folder)
                return
        with contextlib.suppress(protocol.RecordError):
            if protocol.read_record(str(folder), protocol.STUDY_FILE) == {**record, "protocol": protocol.PROTOCOL}:
                return
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        protocol.write_record(str(folder), protocol.STUDY_FILE, record)
        failpoints.reach("study.recorded")


def drop_deleted(conn: Connection, folder: Path) -> None:
    """Remove a study's record that was written after the deletion had moved the study's folder away.

    A later daemon would read it, bring the deleted study back, and run its queued trials.
    """
    record = None
    with contextlib.suppress(OSError, protocol.RecordError):
        record = protocol.read_record(str(folder), protocol.STUDY_FILE)
    if record is not None and record.get("created_at") in queries.deleted_studies(conn, folder.name):
        run_dirs.drop_bare(folder)


def _matters(event: Event) -> bool:
    """Whether the study's record holds what has changed."""
    if event.type == events.TRIAL_QUEUED:
        return event.data.get("origin") in OWN_ORIGINS
    if event.type == events.TRIAL_MOVED:
        return event.data.get("event") == "cancel" and event.data.get("from") == "queued"
    return event.type in _OF_STUDY
