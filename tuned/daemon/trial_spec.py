"""What is written into `spec.json`: one trial of a study made concrete for one attempt.

Owns that translation, pure apart from nothing: paths in, a record out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuned.core.arguments import ArgumentContext, env_needs_trial, render, render_env
from tuned.core.study import StudySpec
from tuned.core.trial import Trial

if TYPE_CHECKING:
    from tuned.daemon.attempts import LiveAttempt

RLIMITS = {
    "memory": "RLIMIT_DATA",
    "file_size": "RLIMIT_FSIZE",
    "open_files": "RLIMIT_NOFILE",
    "processes": "RLIMIT_NPROC",
    "cpu_seconds": "RLIMIT_CPU",
}
"""How the study file's words for limits are called by the kernel."""


def build_spec(
    spec: StudySpec,
    trial: Trial,
    attempt: LiveAttempt,
    *,
    checkpoint: Path,
    device_environment: Mapping[str, str],
    bundle: Path,
    learn: bool,
    start: str,
    resumed: bool,
) -> dict[str, Any]:
    """The content of `spec.json` but for its protocol version.

    Args:
        spec: The study's specification.
        trial: The trial.
        attempt: The attempt that was claimed.
        checkpoint: Folder that the trial's attempts share.
        device_environment: What the slot adds to the environment.
        bundle: Folder that holds the SDK alone.
        learn: Whether the trial shall say which slow modules it imported.
        start: `warm` or `cold`; an `env` that differs from trial to trial makes it cold, because libraries read their
            variables when they are imported.
        resumed: Whether an earlier attempt left something in `checkpoint`.
    """
    context = argument_context(spec, trial, attempt.attempt, attempt.run_dir, checkpoint)
    run = spec.run
    arguments = render(spec, context)
    if run.kind == "script" or run.kind == "function":
        arguments = [run.script_typed or run.script or "", *arguments]
    objective = spec.objective
    return {
        "attempt_id": attempt.attempt_id,
        "study": trial.study,
        "number": trial.number,
        "attempt": attempt.attempt,
        "seed": trial.seed,
        "stage": trial.stage,
        "kind": run.kind,
        "start": "cold" if env_needs_trial(run) else start,
        "argv": arguments,
        "script": run.script,
        "function": run.function,
        "cwd": run.cwd,
        "env": {**render_env(spec, context), **device_environment},
        "params": trial.params,
        "checkpoint_dir": str(checkpoint),
        "device": attempt.device,
        "resumed": resumed,
        "timeout": run.timeout,
        "grace": run.grace,
        "patterns": [asdict(p) for p in spec.patterns],
        "objective_metric": objective.metric if objective else None,
        "learn": learn,
        "umask": None,
        "rlimits": {RLIMITS[name]: value for name, value in run.limits.items()},
        "python": run.python,
        "bundle": str(bundle),
    }


def argument_context(spec: StudySpec, trial: Trial, attempt: int, run_dir: Path, checkpoint: Path) -> ArgumentContext:
    """What the placeholders of this attempt stand for."""
    return ArgumentContext(
        params=trial.params,
        number=trial.number,
        seed=trial.seed,
        study=spec.name,
        attempt=attempt,
        stage=trial.stage,
        run_dir=str(run_dir),
        checkpoint_dir=str(checkpoint),
    )
