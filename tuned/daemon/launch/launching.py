"""Starting an attempt: claim the trial, make its directory, have a launcher fork it.

Owns that order (commit the intent, write the file, act), the choice of launcher and the fall back to a cold start.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
import uuid
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from storage import queries, repository
from storage.engine import Database
from tuned import protocol
from tuned.core.errors import Conflict, TunedError, Unavailable
from tuned.core.finish.tables import TEST_STAGE
from tuned.core.interpreter import activated
from tuned.core.study import Study
from tuned.core.trial import Trial
from tuned.daemon import clock, failpoints
from tuned.daemon.attempts.live import Attempts, LiveAttempt
from tuned.daemon.files import run_dirs, snapshot, trial_files
from tuned.daemon.files.code_state import CodeStates
from tuned.daemon.files.pretrained import as_started
from tuned.daemon.launch.launchers import (
    Launcher,
    LauncherFailed,
    LauncherKind,
    Launchers,
    Refused,
    installed,
    trial_environment,
)
from tuned.daemon.launch.preloads import Preloads
from tuned.daemon.launch.trial_spec import argument_context, build_spec
from tuned.daemon.machine.ports import Ports
from tuned.daemon.machine.slots import Slots

log = logging.getLogger(__name__)

PATIENCE_S = 30.0
"""How long a trial waits for what is imported ahead before it does without."""
BACKOFF_S = (1.0, 5.0, 20.0, 60.0)
"""How long nothing is launched after run directories could not be written."""


class Launching:
    """Starts attempts. Slots are leased by the caller and released when the attempt's end is committed."""

    def __init__(
        self,
        database: Database,
        attempts: Attempts,
        launchers: Launchers,
        preloads: Preloads,
        slots: Slots,
        runs: Path,
        bundle: Path,
        codes: CodeStates,
    ) -> None:
        self._database = database
        self._attempts = attempts
        self._launchers = launchers
        self._preloads = preloads
        self._slots = slots
        self._runs = runs
        self._bundle = bundle
        self._codes = codes
        self._ports = Ports()
        self._environments: dict[int, dict[str, str]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._taught: set[int] = set()
        self._closing = False
        self.trouble = ""
        self._troubles = 0
        self._quiet_until = 0.0
        self.claiming: dict[int, int] = {}
        """Trials whose claim is on its way to the database, with their studies."""

    def begin(self, trial: Trial, study: Study, slot: str) -> None:
        """Start an attempt of this queued trial in a slot that is leased to it."""
        self.claiming[trial.id] = study.id
        task = asyncio.create_task(self._start(trial, study, slot), name=f"launch {trial.study}/{trial.number}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def prepare(self, study: Study) -> None:
        """Have the launcher of this study ready before its first trial is claimed."""
        if self._closing:
            return

        async def warm_up() -> None:
            try:
                if study.spec.run.start == "warm":
                    await self._launchers.get(await self._kind(study))
            except TunedError as error:
                log.warning("study %s: %s", study.name, error)

        task = asyncio.create_task(warm_up())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

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

        task = asyncio.create_task(take())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _start(self, trial: Trial, study: Study, slot: str) -> None:
        holder = f"{trial.study}/{trial.number}"
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
            await self._make_directory(attempt, trial, study, slot)
            self._attempts.follow(attempt)
            failpoints.reach("directory.created")
            # Who asked it to end while it had no directory could not tell it.
            now = await self._database.ask(lambda conn: queries.trial_by_id(conn, attempt.trial_id))
            attempt.stop = now.stop_reason or attempt.stop
            supervisor = await self._fork(attempt, study)
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

        def claim(conn: Connection) -> tuple[int, Trial, bool]:
            number = repository.claim(conn, trial.id, slot, attempt_id, str(trial_dir), clock.now())
            return number, queries.trial_by_id(conn, trial.id), queries.was_cut_off(conn, trial.id, number - 1)

        number, claimed, cut_off = await self._database.writer.run(claim)
        run_dir = trial_dir / str(number)
        now = clock.now()
        attempt = LiveAttempt(
            trial.id, trial.study, trial.number, number, attempt_id, run_dir, slot, claimed_at=now, cut_off=cut_off
        )
        return attempt, claimed

    async def _make_directory(self, attempt: LiveAttempt, trial: Trial, study: Study, slot: str) -> None:
        aside = await asyncio.to_thread(_make_way, attempt)
        if aside is not None:
            log.warning("%s: a folder that no row knows was in the way; it is now %s", attempt.holder, aside)
        attempt.port = self._ports.free({other.port for other in self._attempts.live.values()})
        start = "cold" if self._preloads.runs_cold(study) else study.spec.run.start
        await asyncio.to_thread(self._write_directory, attempt, trial, study, self._slots.environment(slot), start)

    def _write_directory(
        self, attempt: LiveAttempt, trial: Trial, study: Study, device_environment: dict[str, str], start: str
    ) -> None:
        """All that touches the disk for a new attempt."""
        trial = as_started(study.spec, trial, self._runs)
        checkpoint = run_dirs.checkpoint_dir(self._runs, trial.study, run_dirs.checkpoints_of(trial))
        context = argument_context(study.spec, trial, attempt.attempt, attempt.run_dir, checkpoint, attempt.port)

        def spec(resuming: bool) -> dict[str, Any]:
            return build_spec(
                study.spec,
                trial,
                attempt,
                checkpoint=checkpoint,
                device_environment=device_environment,
                bundle=self._bundle,
                learn=study.spec.run.preload is None and self._preloads.learned(study) is None,
                start=start,
                # A look at the test set finds a finished model, and nothing to go on from.
                resumed=trial.stage != TEST_STAGE and run_dirs.has_checkpoint(self._runs, trial.study, trial.number),
                port=attempt.port,
                resuming=resuming,
                code=self._code(study),
            )

        def fill() -> dict[str, Any]:
            trial_files.prepare(study.spec, context, attempt.run_dir, self._runs)
            resumes = trial.stage != TEST_STAGE and trial_files.resumes(study.spec, context, attempt.run_dir)
            return spec(resumes)

        run_dirs.create(attempt.run_dir, fill)

    def _code(self, study: Study) -> dict[str, Any]:
        if study.spec.run.code == "snapshot":
            origin = snapshot.origin(self._runs / study.name, study.spec.run.code_hash)
            return {**origin, "mode": "snapshot", "hash": study.spec.run.code_hash}
        return self._codes.state(study.spec.run)

    async def _kind(self, study: Study, preload: bool = True) -> LauncherKind:
        if study.id not in self._environments:
            self._environments[study.id] = await self._database.ask(
                lambda conn: queries.study_environment(conn, study.id)
            )
        run = study.spec.run
        environment = activated(
            trial_environment(self._environments[study.id], run.env), run.python, os.path.isfile, os.path.isdir
        )
        if preload:
            await asyncio.to_thread(self._preloads.guess, study)
        names = self._preloads.for_study(study) if preload else ()
        python = run.python or sys.executable
        found = await asyncio.to_thread(installed, python)
        return LauncherKind(python, tuple(sorted(environment.items())), names, found)

    async def _launcher(self, study: Study, attempt: LiveAttempt) -> Launcher:
        """The launcher that imports ahead, once it has: no trial imports meanwhile what it will be given in a moment.

        The one without where that takes too long, or where the trial's last launch was cut off: a daemon that is killed
        more often than those imports take would start no trial at all.
        """
        kind = await self._kind(study)
        launcher = await self._launchers.get(kind)
        if not kind.preload or self._launchers.ready(kind) is not None:
            return launcher
        if not attempt.cut_off:
            done, _ = await asyncio.wait([launcher.ready], timeout=PATIENCE_S)
            if done:
                return launcher
        log.info("%s does not wait for %s", attempt.holder, ", ".join(kind.preload))
        return await self._launchers.get(await self._kind(study, preload=False))

    async def _fork(self, attempt: LiveAttempt, study: Study) -> int | None:
        """Have it forked, cold if it must be.

        Returns:
            Process id of the supervisor; None when only the directory can tell whether there is one.

        Raises:
            TunedError, OSError: Nothing was forked.
        """
        try:
            return await _launch(await self._launcher(study, attempt), attempt)
        except (Refused, LauncherFailed) as failure:
            bare = not (await self._kind(study)).preload
            if isinstance(failure, LauncherFailed) and (failure.killed or bare):
                raise  # it is not the preload's fault
            if self._preloads.guesses(study):
                log.info("study %s: nothing is imported ahead until its first trial has ended: %s", study.name, failure)
                self._preloads.drop_guess(study)
                return await self._fork(attempt, study)
            log.warning("%s starts cold: %s", attempt.holder, failure)
            self._preloads.run_cold(study.id, str(failure))
        spec = await asyncio.to_thread(run_dirs.spec, attempt.run_dir)
        await asyncio.to_thread(
            protocol.write_record, str(attempt.run_dir), protocol.SPEC_FILE, {**spec, "start": "cold"}
        )
        try:
            return await _launch(await self._launchers.get(await self._kind(study, preload=False)), attempt)
        except Refused as refusal:
            raise LauncherFailed(f"the launcher refuses: {refusal}", where=study.spec.run.python) from refusal

    async def _failed_to_start(self, attempt: LiveAttempt, error: TunedError) -> None:
        """Nothing was forked: say so in the directory, as a supervisor would, and let the end take its way."""
        log.warning("%s could not be started: %s", attempt.holder, error)
        record = {
            "attempt_id": attempt.attempt_id,
            "code": 1,
            "signal": None,
            "ended_at": clock.now(),
            "seconds": 0.0,
            "launch_error": str(error),
        }
        try:
            (attempt.run_dir / protocol.OUTPUT_FILE).write_text(f"{error}\n")
            protocol.write_record(str(attempt.run_dir), protocol.EXIT_FILE, record)
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
        """What it needs cannot be had now: nothing is launched for a while.

        Whoever follows it finds that nothing was forked, and gives the trial back as soon as that can be written.
        """
        if not self.held_up:
            wait = BACKOFF_S[min(self._troubles, len(BACKOFF_S) - 1)]
            self._troubles += 1
            self._quiet_until = time.monotonic() + wait
            self.trouble = f"launching is paused: {error}; next try in {wait:.0f} s"
        log.warning("%s could not be started; %s", attempt.holder, self.trouble)
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

    async def close(self) -> None:
        """Wait for the starts under way: a claimed trial gets its directory. Nothing is started from now on."""
        self._closing = True
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=5)


def _make_way(attempt: LiveAttempt) -> Path | None:
    """Where a stranger's folder went that stood in the place of a new attempt, such as after a restored backup."""
    stranger = attempt.run_dir.parent if attempt.attempt == 1 else attempt.run_dir
    return run_dirs.set_aside(stranger) if stranger.exists() else None


async def _launch(launcher: Launcher, attempt: LiveAttempt) -> int | None:
    """The supervisor's process id; None when the launcher died between request and answer: the directory knows.

    Raises:
        Refused: It will not fork this one.
        LauncherFailed: It was never ready, and nothing was asked of it.
    """
    try:
        return await launcher.launch(str(attempt.run_dir))
    except LauncherFailed:
        if launcher.ready.done() and launcher.ready.exception() is None:
            return None
        raise
