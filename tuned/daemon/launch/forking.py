"""Having an attempt forked: which launcher, how long it is waited for, and when the trial starts cold instead.

Owns that choice. The launchers themselves are `launchers`', what they import ahead `preloads`'.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys

from storage import queries
from storage.engine import Database
from tuned import protocol
from tuned.core.program.interpreter import activated
from tuned.core.study import Study
from tuned.daemon.attempts.live_attempt import LiveAttempt
from tuned.daemon.files import run_dirs
from tuned.daemon.launch.launcher import Launcher, LauncherFailed, Refused
from tuned.daemon.launch.launcher_kind import LauncherKind, installed, trial_environment
from tuned.daemon.launch.launchers import Launchers
from tuned.daemon.launch.preloads import Preloads
from tuned.daemon.machine.slots import Slots

log = logging.getLogger(__name__)


class Forking:
    """Has attempts forked whose directories are written."""

    def __init__(self, database: Database, launchers: Launchers, preloads: Preloads, slots: Slots) -> None:
        self._database = database
        self._slots = slots
        self._launchers = launchers
        self._preloads = preloads
        self._environments: dict[int, dict[str, str]] = {}

    async def prepare(self, study: Study) -> None:
        """Have the launcher of this study import ahead what its trials will need."""
        if study.spec.run.start == "warm":
            await self._launchers.prepare(await self.kind(study))

    async def kind(self, study: Study, preload: bool = True) -> LauncherKind:
        """Which launcher the study's trials come from; without `preload` one that imports nothing ahead."""
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
        ahead: dict[str, str | None] = {}
        if names:
            own = await asyncio.to_thread(self._preloads.environment, study)
            names, ahead = ((), {}) if own.unknown else (names, own.over(environment))
        python = run.python or sys.executable
        found = await asyncio.to_thread(installed, python)
        cores = self._slots.core_share(run.cpus, run.gpus)
        return LauncherKind(python, tuple(sorted(environment.items())), names, cores, found, tuple(ahead.items()))

    async def _launcher(self, study: Study, attempt: LiveAttempt) -> Launcher:
        """The launcher that imports ahead, once it has: no trial imports meanwhile what it will be given in a moment.

        The one without where that takes too long, or where the trial's last launch was cut off: a daemon that is killed
        more often than those imports take would start no trial at all.
        """
        kind = await self.kind(study)
        launcher = await self._launchers.get(kind)
        if kind.preload and self._launchers.ready(kind) is None and not attempt.cut_off:
            await asyncio.wait([launcher.ready], timeout=launcher.patience)
        if launcher.failed:
            # A module that failed in the middle has left parts of itself behind; one that forbids forks, all of itself.
            self._preloads.drop(study, launcher.failed)
            self._launchers.let_go(launcher)
            return await self._launcher(study, attempt)
        if not kind.preload or launcher.ready.done():
            return launcher
        log.info("%s does not wait for %s", attempt.holder, ", ".join(kind.preload))
        return await self._launchers.get(await self.kind(study, preload=False))

    async def fork(self, attempt: LiveAttempt, study: Study) -> int | None:
        """Have it forked, cold if it must be.

        Returns:
            Process id of the supervisor; None when only the directory can tell whether there is one.

        Raises:
            TunedError, OSError: Nothing was forked.
        """
        try:
            return await _launch(await self._launcher(study, attempt), attempt)
        except (Refused, LauncherFailed) as failure:
            bare = not (await self.kind(study)).preload
            if isinstance(failure, LauncherFailed) and (failure.killed or bare):
                raise  # it is not the preload's fault
            if self._preloads.guesses(study):
                log.info("study %s: nothing is imported ahead until its first trial has ended: %s", study.name, failure)
                self._preloads.drop_guess(study)
                return await self.fork(attempt, study)
            log.warning("%s starts cold: %s", attempt.holder, failure)
            self._preloads.run_cold(study.id, str(failure))
        spec = await asyncio.to_thread(run_dirs.spec, attempt.run_dir)
        await asyncio.to_thread(
            protocol.write_record, str(attempt.run_dir), protocol.SPEC_FILE, {**spec, "start": "cold"}
        )
        try:
            return await _launch(await self._launchers.get(await self.kind(study, preload=False)), attempt)
        except Refused as refusal:
            raise LauncherFailed(f"the launcher refuses: {refusal}", where=study.spec.run.python) from refusal


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
