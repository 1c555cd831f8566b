"""The daemon's periodic duties: watch the disk, back up, forget old events, cap logs, end idle processes.

Owns the periods. Each task is looked at alone, so that one that fails does not keep the others from being done.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

from storage import backup, queries, repository
from storage.engine import Database
from storage.problems import Damaged
from tuned.core import words
from tuned.core.errors import Unavailable
from tuned.daemon import clock, clock_record, failpoints
from tuned.daemon.analyses.analysing import Analysing
from tuned.daemon.attempts import second_places
from tuned.daemon.attempts.late_lines import take_late_lines
from tuned.daemon.attempts.live import Attempts
from tuned.daemon.cards.yields import Yields
from tuned.daemon.files.disk_space import DiskSpace
from tuned.daemon.files.log_cap import cap_log
from tuned.daemon.files.retention import Retention
from tuned.daemon.hub import Hub
from tuned.daemon.launch.launchers import Launchers
from tuned.daemon.loops import Loops
from tuned.daemon.machine import memory
from tuned.daemon.ownership import Ownership
from tuned.daemon.scheduler import Scheduler
from tuned.daemon.search.advisor_process import AdvisorProcess
from tuned.home import Home

log = logging.getLogger(__name__)

CLOCK_S = 5.0
HOME_S = 5.0
DISK_S = 10.0
OFTEN_S = 60.0
HOUR_S = 3600.0
EVENTS_KEPT_S = 30 * 86_400.0


class Housekeeping:
    """Runs until cancelled. Periods are measured by a clock that does not jump."""

    def __init__(
        self,
        home: Home,
        retention: Retention,
        database: Database,
        scheduler: Scheduler,
        hub: Hub,
        launchers: Launchers,
        helpers: Sequence[AdvisorProcess | Analysing],
        attempts: Attempts,
        ownership: Ownership,
        loops: Loops,
        yields: Yields,
    ) -> None:
        self._home = home
        self._database = database
        self._scheduler = scheduler
        self._hub = hub
        self._launchers = launchers
        self._helpers = helpers
        self._attempts = attempts
        self._ownership = ownership
        self._loops = loops
        self._yields = yields
        self._space = DiskSpace(home.root)
        self._retention = retention

    async def run(self) -> None:
        """Do what is due; the first round at once, so that a full disk is seen before the first launch."""
        tasks: list[tuple[float, Callable[[], Awaitable[None]]]] = [
            (CLOCK_S, self._follow_clock),
            (OFTEN_S, self._note_clock),
            (HOME_S, self._look_at_home),
            (DISK_S, self._look_at_disk),
            (OFTEN_S, self._end_idle),
            (OFTEN_S, self._cap_logs),
            (OFTEN_S, self._bring_ends_home),
            (OFTEN_S, self._back_up),
            (HOUR_S, self._forget_events),
            (HOUR_S, self._keep_quota),
            (HOUR_S, self._take_late_lines),
        ]
        due = [0.0] * len(tasks)
        while True:
            failpoints.reach("loop.housekeeping")
            for i, (period, task) in enumerate(tasks):
                if time.monotonic() >= due[i]:
                    due[i] = time.monotonic() + period
                    await self._do(task)
            await asyncio.sleep(max(0.0, min(due) - time.monotonic()))

    async def _do(self, task: Callable[[], Awaitable[None]]) -> None:
        try:
            await task()
        except Exception as error:  # noqa: BLE001 - it is tried again at its next turn, and the others have theirs
            self._loops.failed(f"housekeeping: {task.__name__.strip('_').replace('_', ' ')}", error)

    async def _follow_clock(self) -> None:
        ahead = clock.jump()
        if ahead:
            log.warning("%s", clock_record.said(ahead))
            after = clock.now() + ahead
            async with self._yields.shifted(ahead):
                await self._database.writer.run(lambda conn: clock_record.skip(conn, ahead, after))
                clock.follow(ahead)
            await self._note_clock()

    async def _note_clock(self) -> None:
        await asyncio.to_thread(clock_record.keep, self._home.root, clock.now())

    async def _look_at_home(self) -> None:
        await asyncio.to_thread(self._ownership.keep)
        with contextlib.suppress(Unavailable):  # the writer has said it, and refuses everything from then on
            await asyncio.to_thread(self._database.writer.ask_guard)

    async def _look_at_disk(self) -> None:
        reason = self._space.check()
        if reason != self._scheduler.blocked:
            log.warning("%s", reason or "there is room on the disk again: launching goes on")
            self._scheduler.blocked = reason
            self._hub.scheduler.set()

    async def _end_idle(self) -> None:
        self._launchers.end_idle(await asyncio.to_thread(memory.is_short))
        for helper in self._helpers:
            await helper.end_idle()

    async def _cap_logs(self) -> None:
        for attempt in list(self._attempts.live.values()):
            await asyncio.to_thread(cap_log, attempt.run_dir)

    async def _bring_ends_home(self) -> None:
        await asyncio.to_thread(second_places.bring_home, self._database, self._home.runs)

    async def _back_up(self) -> None:
        folder, now, database = self._home.root / "backups", clock.now(), self._home.database
        if not await self._database.ask(queries.study_names):
            return  # a copy of nothing would only pass for one of something
        if await asyncio.to_thread(backup.backup_due, folder, now, database):
            try:
                copy = await asyncio.to_thread(backup.back_up, database, folder, now)
            except Damaged as error:
                self._database.writer.note_damage(error)
                return
            log.info("backed up the database to %s", copy)

    async def _forget_events(self) -> None:
        before = await self._database.ask(lambda conn: clock_record.lived_before(conn, clock.now(), EVENTS_KEPT_S))
        while await self._database.writer.run(lambda conn: repository.prune_events(conn, before)):
            continue

    async def _keep_quota(self) -> None:
        collected = await self._retention.collect(dry_run=False)
        if collected.freed_bytes:
            log.info("the run directories were over their quota: freed %s", words.size(collected.freed_bytes))

    async def _take_late_lines(self) -> None:
        await take_late_lines(self._database)
