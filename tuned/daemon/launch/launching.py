"""Starting an attempt: claim the trial, make its directory, have a launcher fork it.

Owns that order (commit the intent, write the file, act), and what happens when one of its steps cannot be taken.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from pathlib import Path

from sqlalchemy import Connection

from storage import queries, repository
from storage.engine import Database
from tuned.core.errors import Conflict, TunedError, Unavailable
from tuned.core.places import place_of
from tuned.core.states import StudyState
from tuned.core.study import Study
from tuned.core.trials.trial import Trial
from tuned.daemon import clock, failpoints
from tuned.daemon.attempts.live import Attempts
from tuned.daemon.attempts.live_attempt import LiveAttempt
from tuned.daemon.attempts.placing import Placing
from tuned.daemon.files import placed, run_dirs
from tuned.daemon.launch.directories import Directories
from tuned.daemon.launch.forking import Forking
from tuned.daemon.launch.launcher import LauncherFailed
from tuned.daemon.launch.preloads import Preloads
from tuned.daemon.loops import in_background
from tuned.daemon.machine.slots import Slots
from tuned.daemon.places.places import Places

log = logging.getLogger(__name__)

BACKOFF_S = (1.0, 5.0, 20.0, 60.0)
"""How long nothing is launched after run directories could not be written."""


class Launching:
    """Starts attempts. Slots are leased by the caller and released when the attempt's end is committed."""

    def __init__(
        self,
        database: Database,
        attempts: Attempts,
        forking: Forking,
        directories: Directories,
        preloads: Preloads,
        slots: Slots,
        runs: Path,
        places: Places,
    ) -> None:
        self._places = places
        self._database = database
        self._attempts = attempts
        self._forking = forking
        self._directories = directories
        self._preloads = preloads
        self._slots = slots
        self._runs = runs
        self._tasks: set[asyncio.Task[None]] = set()
        self._taught: set[int] = set()
        self._closing = False
        self.trouble = ""
        """Why the last launch could not be made, for people: until one is made, or nobody waits for one any more."""
        self._troubles = 0
        self._quiet_until = 0.0
        self.claiming: dict[int, int] = {}
        """Trials whose claim is on its way to the database, with their studies."""

    def begin(self, trial: Trial, study: Study, slot: str) -> None:
        """Start an attempt of this queued trial in a slot that is leased to it."""
        self.claiming[trial.id] = study.id
        in_background(self._start(trial, study, slot), self._tasks, f"launch {trial.name}")

    def prepare(self, study: Study) -> None:
        """Have the launcher of this study ready before its first trial is claimed; one in a place needs none."""
        if self._closing or study.spec.run.place:
            return

        async def warm_up() -> None:
            try:
                await self._forking.prepare(study)
            except TunedError as error:
                log.warning("study %s: %s", study.name, error)

        in_background(warm_up(), self._tasks)

    def note(self, study: Study) -> str:
        """Obstacles to its trials' start, or warm start, for people."""
        running = study.state is StudyState.RUNNING
        if study.spec.run.place:
            return self._places.waits(study.spec.run.place) if running else ""
        return "; ".join(filter(None, (self.trouble if running else "", self._preloads.note(study))))

    def learn(self, study_id: int, run_dir: Path) -> None:
        """An attempt has ended: take its lesson about what to import ahead, and prepare that launcher."""
        if study_id in self._taught:
            return
        self._taught.add(study_id)

        async def take() -> None:
            study = await self._database.ask(lambda conn: queries.find_study(conn, study_id))
            if study is not None and await asyncio.to_thread(self._preloads.learn, study, run_dir):
                log.info("study %s preloads %s", study.name, ", ".join(self._preloads.for_study(study)) or "nothing")
                self.prepare(study)

        in_background(take(), self._tasks)

    async def _start(self, trial: Trial, study: Study, slot: str) -> None:
        holder = trial.name
        try:
            attempt, trial = await self._claim(trial, slot)
        except Conflict:
            log.info("%s was no longer queued when it was claimed", holder)
            self._slots.release(slot, holder)
            return
        except BaseException:
            self._slots.release(slot, holder)
            raise
        finally:
            self.claiming.pop(trial.id, None)
        try:
            failpoints.reach("claim.committed")
            await self._directories.make(attempt, trial, study, slot)
            self._attempts.follow(attempt)
            failpoints.reach("directory.created")
            if attempt.placing is not None:
                self._attempts.forked(attempt, None)  # its follower submits it
                return
            supervisor = await self._forking.fork(attempt, study)
        except LauncherFailed as error:
            if error.killed:
                self._give_up(attempt, error)
            else:
                await self._failed_to_start(attempt, error)
        except (OSError, Unavailable) as error:
            # The machine's fault and not the trial's: nothing was forked, and it may run later.
            self._give_up(attempt, error)
        except TunedError as error:
            await self._failed_to_start(attempt, error)
        except Exception as error:
            log.exception("%s could not be started", holder)
            await self._unforeseen(attempt, error)
        else:
            self.trouble, self._troubles = "", 0
            failpoints.reach("forked")
            self._attempts.forked(attempt, supervisor)

    async def _claim(self, trial: Trial, slot: str) -> tuple[LiveAttempt, Trial]:
        """The new attempt, and the trial as it was claimed: a suggestion may have been replaced until then."""
        attempt_id = uuid.uuid4().hex
        trial_dir = run_dirs.trial_dir(self._runs, trial.study, trial.number)
        place = place_of(slot)
        beyond = 1 + await asyncio.to_thread(run_dirs.highest_taken, trial_dir, trial.attempt)
        stored = self._database.stored(trial_dir)

        def claim(conn: Connection) -> tuple[int, Trial, bool]:
            number = repository.claim(conn, trial.id, slot, attempt_id, stored, clock.now(), at_least=beyond)
            return number, queries.trial_by_id(conn, trial.id), queries.was_cut_off(conn, trial.id, number - 1)

        number, claimed, cut_off = await self._database.writer.run(claim)
        if place:
            trial_dir = placed.followed(self._runs, trial.study) / str(trial.number)
        run_dir = trial_dir / str(number)
        now = clock.now()
        attempt = LiveAttempt(
            trial.id, trial.study, trial.number, number, attempt_id, run_dir, slot, claimed_at=now, cut_off=cut_off
        )
        if place:
            attempt.placing = Placing(self._places.station(place), fresh=True)
        return attempt, claimed

    async def _failed_to_start(self, attempt: LiveAttempt, error: TunedError) -> None:
        """Nothing was forked: say so in the directory, as a supervisor would, and let the end take its way."""
        log.warning("%s could not be started: %s", attempt.holder, error)
        try:
            run_dirs.record_failed_start(attempt.run_dir, attempt.attempt_id, str(error), clock.now())
        except OSError as second:
            self._give_up(attempt, second)
            return
        self._follow(attempt)

    async def _unforeseen(self, attempt: LiveAttempt, error: Exception) -> None:
        """A mistake of ours: the trial must not wait for it for ever in its slot, nor the others behind it."""
        lock = await asyncio.to_thread(run_dirs.revoke_if_unstarted, attempt.run_dir)
        if lock in ("held", "started"):
            self._attempts.forked(attempt, None)
            return
        what = f"this is a bug in tuned: {type(error).__name__}: {error}"
        await self._failed_to_start(attempt, Unavailable(what, hint="see tunectl daemon logs"))

    def _give_up(self, attempt: LiveAttempt, error: OSError | Unavailable) -> None:
        """A needed resource is missing: nothing is launched for a while.

        Its follower finds that nothing was forked, and gives the trial back as soon as that can be written.
        """
        if attempt.placing is not None:
            attempt.placing.station.fail(str(error))
        elif not self.held_up:
            wait = BACKOFF_S[min(self._troubles, len(BACKOFF_S) - 1)]
            self._troubles += 1
            self._quiet_until = time.monotonic() + wait
            self.trouble = f"launching is paused: {error}; next try in {wait:.0f} s"
        log.warning("%s could not be started: %s", attempt.holder, error)
        attempt.forked = True
        self._follow(attempt)

    def _follow(self, attempt: LiveAttempt) -> None:
        if self._attempts.live.get(attempt.trial_id) is attempt:
            attempt.dirty.set()
        else:
            self._attempts.follow(attempt)

    @property
    def held_up(self) -> str:
        """Why nothing may be launched now; empty when there is no reason."""
        return self.trouble if time.monotonic() < self._quiet_until else ""

    def nothing_to_launch(self) -> None:
        """Nobody waits for the next try: what the last one lacked keeps nobody any more."""
        self.trouble = ""

    async def close(self) -> None:
        """Wait for the starts under way: a claimed trial gets its directory. Nothing is started from now on."""
        self._closing = True
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=5)
