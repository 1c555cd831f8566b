"""The run directory of a new attempt: everything that its supervisor and its trial are told.

Owns putting it together. The specification's content is `trial_spec`'s, the place of each file `tuned.daemon.files`'.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

from tuned.core.playbook.spec import TEST_STAGE
from tuned.core.study import Study
from tuned.core.trials.trial import Trial
from tuned.daemon.attempts.live import Attempts
from tuned.daemon.attempts.live_attempt import LiveAttempt
from tuned.daemon.files import run_dirs, snapshot, trial_files
from tuned.daemon.files.code_state import CodeStates
from tuned.daemon.files.pretrained import as_started
from tuned.daemon.files.study_records import StudyRecords
from tuned.daemon.launch.preloads import Preloads
from tuned.daemon.launch.trial_spec import argument_context, build_spec
from tuned.daemon.machine.ports import Ports
from tuned.daemon.machine.slots import Slots
from tuned.launch.bundle import keep_bundle

log = logging.getLogger(__name__)


class Directories:
    """Makes run directories below `runs`."""

    def __init__(
        self,
        attempts: Attempts,
        preloads: Preloads,
        slots: Slots,
        runs: Path,
        bundle: Path,
        codes: CodeStates,
        records: StudyRecords,
    ) -> None:
        self._records = records
        self._attempts = attempts
        self._preloads = preloads
        self._slots = slots
        self._runs = runs
        self._bundle = bundle
        self._codes = codes
        self._ports = Ports()

    async def make(self, attempt: LiveAttempt, trial: Trial, study: Study, slot: str) -> None:
        """Make it, with all that its trial is told. The attempt gets its port.

        Raises:
            TunedError, OSError: It cannot be had; the attempt has no supervisor.
        """
        aside = await asyncio.to_thread(_make_way, attempt)
        if aside is not None:
            log.warning("%s: a folder that no row knows was in the way; it is now %s", attempt.holder, aside)
        attempt.port = self._ports.free({other.port for other in self._attempts.live.values()})
        start = "cold" if self._preloads.runs_cold(study) else study.spec.run.start
        await asyncio.to_thread(self._write, attempt, trial, study, self._slots.environment(slot), start)

    def _write(
        self, attempt: LiveAttempt, trial: Trial, study: Study, device_environment: dict[str, str], start: str
    ) -> None:
        """All that touches the disk for a new attempt."""
        keep_bundle(str(self._bundle))
        self._records.begin(study.name)
        trial = as_started(study.spec, trial, self._runs)
        checkpoint = run_dirs.checkpoint_dir(self._runs, trial.study, run_dirs.checkpoints_of(trial))
        context = argument_context(study.spec, trial, attempt.attempt, attempt.run_dir, checkpoint, attempt.port)

        def spec(resume: str) -> dict[str, Any]:
            return build_spec(
                study.spec,
                trial,
                attempt,
                checkpoint=checkpoint,
                device_environment=device_environment,
                bundle=self._bundle,
                # A study's first trial always says what its imports cost: somebody may look at it.
                learn=study.spec.run.preload is None and (trial.number == 1 or self._preloads.learned(study) is None),
                start=start,
                # A look at the test set finds a final model, and nothing to go on from.
                resumed=trial.stage != TEST_STAGE and run_dirs.has_checkpoint(self._runs, trial.study, trial.number),
                port=attempt.port,
                cores=self._slots.cores.get(attempt.holder, ()),
                resume=resume,
                code=self._code(study),
            )

        def fill() -> dict[str, Any]:
            trial_files.prepare(study.spec, context, attempt.run_dir, self._runs)
            looks = trial.stage == TEST_STAGE
            return spec("" if looks else trial_files.resumes(study.spec, context, attempt.run_dir))

        run_dirs.create(attempt.run_dir, fill)

    def _code(self, study: Study) -> dict[str, Any]:
        if study.spec.run.code == "snapshot":
            origin = snapshot.origin(self._runs / study.name, study.spec.run.code_hash)
            return {**origin, "mode": "snapshot", "hash": study.spec.run.code_hash}
        return self._codes.state(study.spec.run)


def _make_way(attempt: LiveAttempt) -> Path | None:
    """Where a stranger's folder went that stood in the place of a new trial; nothing lives in it."""
    stranger = attempt.run_dir.parent
    return run_dirs.set_aside(stranger) if attempt.attempt == 1 and stranger.exists() else None
