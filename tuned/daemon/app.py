"""The daemon put together: the one place where its parts are made and joined.

Owns start-up order, the end, and the status; holds no rule of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from storage import queries
from storage.engine import Database, open_database
from tuned.core.states import TERMINAL
from tuned.daemon import clock, clock_record, threads
from tuned.daemon.analyses.analysing import Analysing
from tuned.daemon.api import make_api
from tuned.daemon.attempts.adoption import adopt
from tuned.daemon.attempts.commits import Ending
from tuned.daemon.attempts.live import Attempts
from tuned.daemon.attempts.live_attempt import LiveAttempt
from tuned.daemon.attempts.lost_cards import LostCards
from tuned.daemon.attempts.sampling import sample, watch_devices
from tuned.daemon.callers import Callers
from tuned.daemon.cards.packing import Packing
from tuned.daemon.cards.polite import Polite
from tuned.daemon.cards.uses import CardUses
from tuned.daemon.cards.yields import Yields
from tuned.daemon.files import renaming
from tuned.daemon.files.code_state import CodeStates
from tuned.daemon.files.graveyard import Graveyard
from tuned.daemon.files.retention import Retention
from tuned.daemon.files.study_records import StudyRecords, drop_deleted
from tuned.daemon.housekeeping import Housekeeping
from tuned.daemon.http.context import Context
from tuned.daemon.http.server import Listener
from tuned.daemon.hub import Hub
from tuned.daemon.launch.directories import Directories
from tuned.daemon.launch.forking import Forking
from tuned.daemon.launch.interpreters import Interpreters
from tuned.daemon.launch.launchers import Launchers
from tuned.daemon.launch.launching import Launching
from tuned.daemon.launch.preloads import Preloads
from tuned.daemon.loops import Loops
from tuned.daemon.machine.devices import device_rows
from tuned.daemon.machine.slots import Slots
from tuned.daemon.notices.notifier import Notifier
from tuned.daemon.ownership import Ownership
from tuned.daemon.places.places import Places
from tuned.daemon.playbook.bundles import Bundles
from tuned.daemon.playbook.playbooks import Playbooks
from tuned.daemon.preempting import Preempting
from tuned.daemon.recovery import found, identity
from tuned.daemon.recovery.taking_in import TakenIn, refuse_empty, take_in
from tuned.daemon.scheduler import Scheduler
from tuned.daemon.search.advisor_process import AdvisorProcess
from tuned.daemon.search.suggesting import Suggesting
from tuned.daemon.verbs import acting, pausing
from tuned.home import Home, settings
from tuned.launch.bundle import make_bundle
from tuned.nvidia import Nvidia
from tuned.version import VERSION
from tuned.wire import Changed, DaemonStatus

log = logging.getLogger(__name__)


class Daemon:
    """One daemon on one state folder, which it has locked."""

    def __init__(self, home: Home, cpu_slots: int | None, ownership: Ownership) -> None:
        loop = asyncio.get_running_loop()
        self._home = home
        self._began = time.monotonic()
        self._stop = asyncio.Event()
        self._stop_trials = False
        self.notes: list[str] = [home.socket_note] if home.socket_note else []
        self._loops = Loops()
        self._hub = Hub(loop)
        self._database: Database = open_database(home.database, self._hub.committed)
        self._slots = Slots(Nvidia(), cpu_slots, os.environ.get("CUDA_VISIBLE_DEVICES"))
        bundle = Path(make_bundle(str(home.bundles)))
        self._preloads = Preloads(home.root / "preloads.json")
        most = 2 * len(self._slots.default_slots)
        self._launchers = Launchers(bundle, home.launchers, self._slots.some_cores, most)
        self._places = Places(partial(settings, os.environ, "place"), home.runs, self._hub.scheduler.set)
        self._attempts = Attempts(self._database, self._slots, self._attempt_ended, self._loops)
        codes = CodeStates()
        self._records = StudyRecords(self._database, self._hub, home.runs)
        directories = Directories(
            self._attempts, self._preloads, self._slots, home.runs, bundle, codes, self._records, self._places
        )
        forking = Forking(self._database, self._launchers, self._preloads, self._slots)
        self._launching = Launching(
            self._database,
            self._attempts,
            forking,
            directories,
            self._preloads,
            self._slots,
            home.runs,
            self._places,
        )
        self._advisor = AdvisorProcess(home.log.parent / "advisor.log")
        self._analysing = Analysing(self._database, self._slots, home.log.parent / "analyses.log")
        slow_advisor = AdvisorProcess(home.log.parent / "advisor.log", name="the advisor of slow questions")
        self._suggesting = Suggesting(
            self._database, self._advisor, slow_advisor, self._slots, self._hub.scheduler, self._loops
        )
        self._graveyard = Graveyard(home.runs)
        bundles = Bundles(self._database, home.runs, bundle, codes)
        self._playbooks = Playbooks(
            self._database, self._analysing, bundles, home.runs, self._hub.scheduler, self._loops
        )
        self._uses = CardUses(self._database, self._slots)
        self._preempting = Preempting(self._database, self._attempts, self._slots, self._suggesting, home.runs)
        self._packing = Packing(self._database, self._hub, self._slots, self._places)
        self._scheduler = Scheduler(
            self._database,
            self._hub,
            self._slots,
            self._launching,
            self._suggesting,
            self._playbooks,
            self._attempts.live,
            self._preempting,
            self._packing,
            self._uses,
            self._places,
        )
        self._yields = Yields(self._database, self._hub, self._slots, self._pause, self._resume)
        attempts = self._attempts
        self._lost_cards = LostCards(self._database, self._slots, attempts.live, attempts.steering)
        self._polite = Polite(self._database, self._slots, self._yields, partial(settings, os.environ, "gpu"))
        self._callers = Callers(self._database, partial(settings, os.environ, "caller"), self._halt)
        self._notifier = Notifier(self._database, self._hub, self._attempts, self._held_up, self._trial_s)
        retention = Retention(home, self._database)
        self._housekeeping = Housekeeping(
            home,
            retention,
            self._database,
            self._scheduler,
            self._hub,
            self._launchers,
            (self._advisor, slow_advisor, self._analysing),
            self._attempts,
            ownership,
            self._loops,
            self._yields,
        )
        self._context = Context(
            runs=home.runs,
            database=self._database,
            hub=self._hub,
            slots=self._slots,
            attempts=self._attempts,
            launching=self._launching,
            interpreters=Interpreters(),
            codes=codes,
            suggesting=self._suggesting,
            analysing=self._analysing,
            retention=retention,
            graveyard=self._graveyard,
            notifier=self._notifier,
            yields=self._yields,
            polite=self._polite,
            callers=self._callers,
            packing=self._packing,
            preempting=self._preempting,
            places=self._places,
            status=self.status,
            stop=self.stop,
        )
        self._listener = Listener(home.socket, make_api(self._context))

    async def run(self) -> None:
        """Adopt what lives, serve, schedule, until told to stop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop, False)
        await self._uses.begin(await asyncio.to_thread(clock_record.last_note, self._home.root))
        await self._skip_gap()
        await self._yields.begin()
        await self._polite.begin()
        await self._packing.begin()
        self.notes += [f"taken in from the run directories: {t}" for t in await asyncio.to_thread(self._meet)]
        await adopt(self._database, self._attempts, self._slots, self._graveyard, self._places)
        # Before the first lease: somebody else may be using a card.
        await sample(self._slots, self._attempts.live.values())
        serving = asyncio.create_task(self._listener.serve(), name="server")
        self._loops.watch_tasks(loop)
        self._loops.start("scheduler", self._scheduler.run)
        watch = partial(watch_devices, self._slots, self._attempts.live, self._hub, self._cards_looked_at)
        self._loops.start("devices", watch)
        self._loops.start("housekeeping", self._housekeeping.run)
        self._loops.start("yields", self._yields.watch)
        self._loops.start("places", self._places.watch)
        self._loops.start("callers", self._callers.watch)
        self._loops.start("notices", self._notifier.run)
        self._loops.start("graveyard", self._graveyard.run)
        self._loops.start("records", self._records.run)
        self._loops.start("socket", self._listener.watch)
        self._hub.scheduler.set()
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
        if self._stop_trials:
            self._loops.stop("scheduler")
            await self._end_trials()
        self._hub.close()
        self._listener.close()
        await self._loops.close()
        await asyncio.wait([serving])
        await self._close()
        if serving.done() and not serving.cancelled() and serving.exception():
            raise serving.exception() or RuntimeError

    async def _skip_gap(self) -> None:
        """Before anything is judged by the clock: have time that nobody lived through count for nothing."""
        now = clock.now()
        ahead = await self._database.ask(lambda conn: clock_record.gap(conn, self._home.root, now))
        if ahead:
            note = clock_record.said(ahead, off=True)
            log.warning("%s", note)
            self.notes.append(note)
            await self._database.writer.run(lambda conn: clock_record.skip(conn, ahead, now, off=True))
        await asyncio.to_thread(clock_record.keep, self._home.root, now)

    def _meet(self) -> list[TakenIn]:
        """Give a row to whatever lives or ended unknown to the database, before anything is launched.

        Raises:
            Unavailable: The database is another than these run directories are of.
            Conflict: The folder is a copy of one whose trials live.
        """
        with self._database.read() as conn:
            for folder in found.studies(self._home.runs):
                drop_deleted(conn, folder)
        refuse_empty(self._database, self._home.runs)
        self.notes += identity.check(self._home, self._database)
        with self._database.read() as conn:
            renaming.undo_cut_off(self._home.runs, queries.study_names(conn))
        return take_in(self._database, self._home.runs)

    async def _close(self) -> None:
        await self._playbooks.close()
        await self._preempting.close()
        await self._suggesting.close()
        await self._analysing.close()
        await asyncio.to_thread(clock_record.keep, self._home.root, clock.now())
        self._launchers.end_starting()
        await self._launching.close()
        await self._attempts.close()
        await self._launchers.close()
        self._database.close()

    def stop(self, stop_trials: bool) -> None:
        """End the daemon soon; running trials go on unless they are to be stopped too."""
        self._stop_trials = self._stop_trials or stop_trials
        self._stop.set()

    async def _end_trials(self) -> None:
        """Have every live trial save and stop; each is queued with its end, for the next daemon to run it on."""
        if not self._attempts.live:
            return
        deadline = time.monotonic() + await pausing.stop_all(self._context)
        with self._hub.follow() as news:
            while self._attempts.live and time.monotonic() < deadline:
                news.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(1.0):
                        await news.wait()

    async def _cards_looked_at(self) -> None:
        await self._lost_cards.look()
        await self._polite.look()
        await self._packing.look()
        await self._uses.look()

    async def _pause(self, targets: list[str], level: str, leaves_card: bool, dry_run: bool) -> Changed:
        return await pausing.pause(replace(self._context, dry_run=dry_run), targets, level, leaves_card)

    async def _halt(self, studies: list[str], why: str) -> None:
        await pausing.halt(self._context, studies, why)

    async def _resume(self, targets: list[str]) -> Changed:
        return await acting.act(self._context, "resume", targets)

    def _attempt_ended(self, attempt: LiveAttempt, ending: Ending | None) -> None:
        again = self._attempts.live.get(attempt.trial_id)
        if again is None or again.device != attempt.device:
            # Else its next attempt holds the same share of the same card: this end was noticed late.
            self._slots.release(attempt.device, attempt.holder)
        if ending is None:
            self._hub.scheduler.set()
            return
        if ending.seconds is not None and ending.state in TERMINAL:
            self._suggesting.pace(ending.study_id).trial(ending.seconds)
        self._hub.scheduler.set()
        if ending.go_cold:
            self._preloads.run_cold(ending.study_id, ending.reason)
        self._launching.learn(ending.study_id, attempt.run_dir)

    def _held_up(self) -> tuple[str, bool]:
        return self._scheduler.held_up, bool(self._scheduler.blocked)

    def _trial_s(self, study_id: int) -> float | None:
        return self._suggesting.pace(study_id).trial_s

    def status(self, studies: int | None, running: int, queued: int | None) -> DaemonStatus:
        """The answer of `tunectl daemon status`."""
        with open("/proc/self/statm") as file:
            resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        alarms = [text for text in (self._database.writer.damage, self._scheduler.lacking) if text]
        alarms += self._attempts.lacking
        return DaemonStatus(
            pid=os.getpid(),
            socket=str(self._home.socket),
            home=str(self._home.root),
            version=VERSION,
            uptime_s=time.monotonic() - self._began,
            rss_bytes=resident,
            slots=len(self._slots.default_slots),
            devices=device_rows(self._slots, self._uses.day),
            places=self._places.rows(self._slots.held),
            studies=studies,
            running=running,
            queued=queued,
            advisor=self._advisor.state,
            alarms=alarms,
            failures=self._loops.counts,
            notes=[
                *alarms,
                *self.notes,
                *self._places.notes,
                *([self._attempts.lack] if self._attempts.lack else []),
                *([self._advisor.trouble] if self._advisor.trouble else []),
                *self._slots.notes,
                *self._polite.notes,
                *self._notifier.notes,
                *self._loops.notes,
            ],
        )


async def run_daemon(home: Home, cpu_slots: int | None, ownership: Ownership) -> None:
    """Run a daemon until it is told to stop.

    Raises:
        TunedError: It cannot start; nothing has changed.
    """
    threads.share_heap()
    asyncio.get_running_loop().set_default_executor(threads.started_pool())
    daemon = Daemon(home, cpu_slots, ownership)
    log.info("tuned %s, python %s, home %s", VERSION, sys.version.split()[0], home.root)
    await daemon.run()
    log.info("stopped")
