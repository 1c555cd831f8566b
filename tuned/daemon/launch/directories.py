"""The run directory of a new attempt: everything that its supervisor and its trial are told.

Owns putting it together. The specification's content is `trial_spec`'s, the place of each file `tuned.daemon.files`'.
"""

from __future__ import annotations

import asyncio
import logging
import math
from pathlib import Path
from typing import Any

from tuned.core.places import place_of
from tuned.core.playbook.spec import TEST_STAGE
from tuned.core.study import Study
from tuned.core.trials.trial import Trial
from tuned.daemon.attempts.live import Attempts
from tuned.daemon.attempts.live_attempt import LiveAttempt
from tuned.daemon.files import placed, run_dirs, snapshot, trial_files
from tuned.daemon.files.code_state import CodeStates
from tuned.daemon.files.pretrained import as_started
from tuned.daemon.files.study_records import StudyRecords
from tuned.daemon.launch.preloads import Preloads
from tuned.daemon.launch.trial_spec import argument_context, build_spec
from tuned.daemon.machine.ports import Ports
from tuned.daemon.machine.slots import Slots
from tuned.daemon.places.places import Places
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
        places: Places,
    ) -> None:
        self._places = places
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
        attempt.port = self._port(attempt)
        start = "cold" if attempt.placing is not None or self._preloads.runs_cold(study) else study.spec.run.start
        # Cards are the engine's to name where it assigns them.
        environment = {} if attempt.placing is not None else self._slots.environment(slot)
        await asyncio.to_thread(self._write, attempt, trial, study, environment, start)

    def _port(self, attempt: LiveAttempt) -> int:
        """A port that is free here; in a place, where nobody knows that, one that is seldom another's."""
        if attempt.placing is not None:
            return 20_000 + int(attempt.attempt_id[:8], 16) % 20_000
        return self._ports.free({other.port for other in self._attempts.live.values()})

    def _write(
        self, attempt: LiveAttempt, trial: Trial, study: Study, device_environment: dict[str, str], start: str
    ) -> None:
        """All that touches the disk for a new attempt."""
        bundle = self._bundle
        if attempt.placing is None:
            keep_bundle(str(bundle))
        else:
            place = place_of(attempt.device)
            bundle = self._places.bundle(place)
            folder = self._places.settle(study.spec, study.name)
            attempt.run_dir = folder / str(attempt.number) / str(attempt.attempt)
        self._records.begin(study.name)
        trial = as_started(study.spec, trial, self._runs)
        checkpoint = run_dirs.checkpoint_dir(self._runs, trial.study, run_dirs.checkpoints_of(trial))
        if attempt.placing is not None:
            checkpoint = placed.followed(self._runs, trial.study) / checkpoint.relative_to(self._runs / trial.study)
        context = argument_context(study.spec, trial, attempt.attempt, attempt.run_dir, checkpoint, attempt.port)

        def spec(resume: str) -> dict[str, Any]:
            record = build_spec(
                study.spec,
                trial,
                attempt,
                checkpoint=checkpoint,
                device_environment=device_environment,
                bundle=bundle,
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
            return record if attempt.placing is None else {**record, **self._placed(attempt, study)}

        def fill() -> dict[str, Any]:
            trial_files.prepare(study.spec, context, attempt.run_dir, self._runs)
            looks = trial.stage == TEST_STAGE
            return spec("" if looks else trial_files.resumes(study.spec, context, attempt.run_dir))

        run_dirs.create(attempt.run_dir, fill)

    def _placed(self, attempt: LiveAttempt, study: Study) -> dict[str, Any]:
        """The entries that only a trial in a place has in its `spec.json`, without the submitter's environment."""
        place, run = self._places.station(place_of(attempt.device)).place, study.spec.run
        asks = {"python": place.python, "cpus": math.ceil(run.cpus or 0), "gpus": math.ceil(run.gpus or 0)}
        return {"place": place.name, "place_asks": asks, "cores": [], "python": place.python or run.python}

    def _code(self, study: Study) -> dict[str, Any]:
        if study.spec.run.code == "snapshot":
            origin = snapshot.origin(self._runs / study.name, study.spec.run.code_hash)
            return {**origin, "mode": "snapshot", "hash": study.spec.run.code_hash}
        return self._codes.state(study.spec.run)


def _make_way(attempt: LiveAttempt) -> Path | None:
    """Where a stranger's folder went that stood in the place of a new trial; nothing lives in it."""
    stranger = attempt.run_dir.parent
    return run_dirs.set_aside(stranger) if attempt.attempt == 1 and stranger.exists() else None
