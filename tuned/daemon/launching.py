"""Starting an attempt: claim the trial, make its directory, have a launcher fork it.

Owns that order (commit the intent, write the file, act), the choice of launcher and the fall back to a cold start.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from pathlib import Path

from storage import queries, repository
from storage.engine import Database
from tuned import protocol
from tuned.core.errors import Conflict, TunedError
from tuned.core.states import Actor
from tuned.core.study import Study
from tuned.core.trial import Trial
from tuned.daemon import clock, failpoints, run_dirs
from tuned.daemon.attempts import Attempts, LiveAttempt
from tuned.daemon.launchers import Launcher, LauncherFailed, LauncherKind, Launchers, Refused, trial_environment
from tuned.daemon.preloads import Preloads
from tuned.daemon.slots import Slots
from tuned.daemon.trial_spec import build_spec

log = logging.getLogger(__name__)


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
    ) -> None:
        self._database = database
        self._attempts = attempts
        self._launchers = launchers
        self._preloads = preloads
        self._slots = slots
        self._runs = runs
        self._bundle = bundle
        self._environments: dict[int, dict[str, str]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._taught: set[int] = set()
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
            study = await asyncio.to_thread(self._study, study_id)
            if study is not None and await asyncio.to_thread(self._preloads.learn, study, run_dir):
                log.info("study %s preloads %s", study.name, ", ".join(self._preloads.for_study(study)) or "nothing")
                self.prepare(study)

        task = asyncio.create_task(take())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _study(self, study_id: int) -> Study | None:
        with self._database.read() as conn:
            return queries.find_study(conn, study_id)

    async def _start(self, trial: Trial, study: Study, slot: str) -> None:
        holder = f"{trial.study}/{trial.number}"
        try:
            attempt = await self._claim(trial, slot)
        except Conflict:
            log.info("%s was no longer queued when it was claimed", holder)
            self._slots.release(slot, holder)
            return
        except BaseException:
            self._slots.release(slot, holder)
            raise
        finally:
            self.claiming.pop(trial.id, None)
        failpoints.reach("claim.committed")
        try:
            await self._make_directory(attempt, trial, study, slot)
            self._attempts.follow(attempt)
            failpoints.reach("directory.created")
            await self._fork(attempt, study)
        except (TunedError, OSError) as error:
            await self._failed_to_start(attempt, error)

    async def _claim(self, trial: Trial, slot: str) -> LiveAttempt:
        attempt_id = uuid.uuid4().hex
        trial_dir = run_dirs.trial_dir(self._runs, trial.study, trial.number)
        number = await self._database.writer.run(
            lambda conn: repository.claim(conn, trial.id, slot, attempt_id, str(trial_dir), clock.now())
        )
        return LiveAttempt(trial.id, trial.study, trial.number, number, attempt_id, trial_dir / str(number), slot)

    async def _make_directory(self, attempt: LiveAttempt, trial: Trial, study: Study, slot: str) -> None:
        learn = study.spec.run.preload is None and self._preloads.learned(study) is None
        spec = build_spec(
            study.spec,
            trial,
            attempt,
            checkpoint=run_dirs.checkpoint_dir(self._runs, trial.study, trial.number),
            device_environment=self._slots.environment(slot),
            bundle=self._bundle,
            learn=learn,
            start="cold" if self._preloads.runs_cold(study) else study.spec.run.start,
            resumed=await asyncio.to_thread(run_dirs.has_checkpoint, self._runs, trial.study, trial.number),
        )
        await asyncio.to_thread(run_dirs.create, attempt.run_dir, spec)

    async def _kind(self, study: Study, preload: bool = True) -> LauncherKind:
        if study.id not in self._environments:
            self._environments[study.id] = await asyncio.to_thread(self._captured, study.id)
        environment = trial_environment(self._environments[study.id], study.spec.run.env)
        names = self._preloads.for_study(study) if preload else ()
        return LauncherKind(study.spec.run.python, tuple(sorted(environment.items())), names)

    def _captured(self, study_id: int) -> dict[str, str]:
        with self._database.read() as conn:
            return queries.study_environment(conn, study_id)

    async def _launcher(self, study: Study) -> Launcher:
        """The launcher with the learned preload once it is ready; until then the one without."""
        kind = await self._kind(study)
        if kind.preload and study.spec.run.preload is None and self._launchers.ready(kind) is None:
            bare = await self._kind(study, preload=False)
            if self._launchers.ready(bare) is not None:
                await self._launchers.get(kind)
                return await self._launchers.get(bare)
        return await self._launchers.get(kind)

    async def _fork(self, attempt: LiveAttempt, study: Study) -> None:
        launcher = await self._launcher(study)
        try:
            supervisor: int | None = await launcher.launch(str(attempt.run_dir))
        except Refused as refusal:
            log.warning("%s starts cold: %s", attempt.holder, refusal)
            self._preloads.run_cold(study, str(refusal))
            spec = protocol.read_record(str(attempt.run_dir), protocol.SPEC_FILE) or {}
            await asyncio.to_thread(
                protocol.write_record, str(attempt.run_dir), protocol.SPEC_FILE, {**spec, "start": "cold"}
            )
            supervisor = await (await self._launchers.get(await self._kind(study, preload=False))).launch(
                str(attempt.run_dir)
            )
        except LauncherFailed:
            if not launcher.ready.done() or launcher.ready.exception() is None:
                supervisor = None  # it died between request and answer: the directory knows
            else:
                raise
        failpoints.reach("forked")
        self._attempts.forked(attempt, supervisor)

    async def _failed_to_start(self, attempt: LiveAttempt, error: TunedError | OSError) -> None:
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
            await self._give_up(attempt, f"{error}; {second}")
            return
        if attempt.trial_id in self._attempts.live:
            attempt.dirty.set()
        else:
            self._attempts.follow(attempt)

    async def _give_up(self, attempt: LiveAttempt, reason: str) -> None:
        """Not even its directory can be written: back into the queue; the disk guard keeps it there."""
        await self._database.writer.run(
            lambda conn: repository.unclaim(conn, attempt.trial_id, attempt.attempt, reason, Actor.REAPER, clock.now())
        )
        self._slots.release(attempt.device, attempt.holder)

    async def close(self) -> None:
        """Wait for the starts under way: a claimed trial gets its directory."""
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=5)
