"""The content of `spec.json`: one trial of a study made concrete for one attempt.

Owns that translation, from paths and plain values to a record, and the arguments that people are shown.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuned.core.errors import InvalidInput
from tuned.core.playbook.spec import FINALIZE_STAGE, TEST_STAGE
from tuned.core.program.arguments import (
    ArgumentContext,
    env_needs_trial,
    items_of,
    names_used,
    render,
    render_env,
    render_text,
)
from tuned.core.program.command_line import command_line
from tuned.core.program.placeholders import PARAMS, value_text
from tuned.core.space import Point
from tuned.core.study import Study, StudySpec
from tuned.core.study.secrets import masked, without_passwords
from tuned.core.trials.trial import Trial
from tuned.daemon.files import run_dirs
from tuned.daemon.files.pretrained import as_started
from tuned.daemon.files.trial_files import trial_path

if TYPE_CHECKING:
    from tuned.daemon.attempts.live_attempt import LiveAttempt

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
    port: int = 0,
    cores: Sequence[int] = (),
    resume: str = "",
    code: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The content of `spec.json` but for its protocol version.

    Args:
        spec: The study's specification.
        trial: The trial.
        attempt: The attempt that was claimed.
        checkpoint: Folder that the trial's attempts share.
        device_environment: The slot's part of the environment.
        bundle: Folder that holds the SDK alone.
        learn: Whether the trial shall say which slow modules it imported.
        start: `warm` or `cold`; an `env` that differs from trial to trial makes it cold, because libraries read their
            variables when they are imported.
        resumed: Whether an earlier attempt left something in `checkpoint`.
        port: A TCP port that is this trial's alone; 0: none was free.
        cores: The cores that it is confined to; none: all of them.
        resume: The checkpoint that it goes on from by `[run.resume]`; empty when there is none.
        code: The known state of the code that is about to run.
    """
    context = replace(argument_context(spec, trial, attempt.attempt, attempt.run_dir, checkpoint, port), resume=resume)
    run, run_dir = spec.run, attempt.run_dir
    arguments = render(spec, context)
    if run.kind == "command":
        arguments[:2] = [trial_path(spec, word, run_dir) for word in arguments[:2]]
    else:
        arguments = [_script_word(spec, run_dir), *arguments]
    objective = spec.objective
    record: dict[str, Any] = {
        "attempt_id": attempt.attempt_id,
        "study": trial.study,
        "number": trial.number,
        "attempt": attempt.attempt,
        "seed": trial.seed,
        "stage": trial.stage,
        **_provenance(trial),
        "kind": run.kind,
        "start": "cold" if env_needs_trial(run) else start,
        "argv": arguments,
        "script": None if run.script is None else trial_path(spec, run.script, run_dir),
        "module": run.module or None,
        "function": run.function,
        "cwd": trial_path(spec, run.cwd, run_dir),
        "env": {**_rendezvous(port), **render_env(spec, context), **device_environment},
        "shown_env": masked(render_env(spec, context)),
        "params": trial.params,
        "checkpoint_dir": str(checkpoint),
        "saves": _saves(spec, context, run_dir),
        "device": attempt.device,
        "resumed": resumed,
        "cores": list(cores),
        "timeout": run.timeout,
        "grace": run.grace,
        "patterns": [asdict(p) for p in spec.patterns],
        "metric_files": _metric_files(spec, context, run_dir),
        "rename": spec.rename,
        "predictions": spec.predictions and _absolute(spec, render_text(spec, spec.predictions, context), run_dir),
        "tree": run.tree or None,
        "code": dict(code) if code else None,
        "objective_metric": objective.metric if objective else None,
        "learn": learn,
        "umask": None,
        "rlimits": {RLIMITS[name]: value for name, value in run.limits.items()},
        "python": run.python,
        "bundle": str(bundle),
    }
    whole = trial.stage in (FINALIZE_STAGE, TEST_STAGE)
    return _folded(record, spec, context) if run.folds and not whole else record


def _provenance(trial: Trial) -> dict[str, Any]:
    """Fields that no process of the trial needs: a rebuilt database takes them from here."""
    return {
        "origin": trial.origin,
        "why": trial.why,
        "priority": trial.priority,
        "space": trial.space,
        "retry_of": trial.retry_of,
        "retries_used": trial.retries_used,
        "created_at": trial.created_at,
    }


def _metric_files(spec: StudySpec, context: ArgumentContext, run_dir: Path) -> list[dict[str, str]]:
    return [
        {"kind": file.kind, "path": _absolute(spec, render_text(spec, file.path, context), run_dir)}
        for file in spec.metric_files
    ]


def _saves(spec: StudySpec, context: ArgumentContext, run_dir: Path) -> list[str]:
    """The folders that checkpoints are saved in: a trial that may go on later is not ended while it writes there."""
    folders = [str(context.checkpoint_dir)]
    if spec.run.resume is not None:
        when = _absolute(spec, render_text(spec, spec.run.resume.when, context), run_dir)
        folders.append(str(Path(when.partition("*")[0] + "*").parent))
    return [folder for folder in dict.fromkeys(folders) if folder != "/"]


def _folded(record: dict[str, Any], spec: StudySpec, context: ArgumentContext) -> dict[str, Any]:
    """The same trial with its program run once a fold, by a program of ours that sums the folds up."""
    runs, run_dir = [], Path(context.run_dir)
    for fold in range(1, spec.run.folds + 1):
        own = replace(context, fold=fold)
        arguments = render(spec, own)
        if spec.run.kind == "command":
            arguments[:2] = [trial_path(spec, word, run_dir) for word in arguments[:2]]
        else:
            program = ["-m", spec.run.module] if spec.run.module else [record["script"]]
            arguments = [record["python"], "-u", *program, *arguments]
        runs.append(
            {"argv": arguments, "env": render_env(spec, own), "metric_files": _metric_files(spec, own, run_dir)}
        )
    runner = str(Path(record["bundle"], "tuned", "sdk", "fold_runner.py"))
    return {
        **record,
        "kind": "command",
        "start": "cold",
        "argv": [record["python"] or "python3", "-u", runner],
        "patterns": [],
        "metric_files": [],
        "folds": {"runs": runs, "patterns": record["patterns"]},
        "learn": False,
    }


def _script_word(spec: StudySpec, run_dir: Path) -> str:
    """The value of `sys.argv[0]`: the script as it was typed, where that leads to it from the trial's folder."""
    run = spec.run
    typed, script = run.script_typed or "", run.script or ""
    if typed and not typed.startswith("/") and os.path.normpath(f"{run.cwd}/{typed}") == script:
        return typed
    return trial_path(spec, script, run_dir)


def _absolute(spec: StudySpec, path: str, run_dir: Path) -> str:
    return os.path.normpath(Path(trial_path(spec, spec.run.cwd, run_dir)) / path)


def _rendezvous(port: int) -> dict[str, str]:
    """The variables of torch.distributed and torchrun, so that trials side by side do not meet each other."""
    if not port:
        return {}
    return {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "PET_MASTER_PORT": str(port)}


def argument_context(
    spec: StudySpec, trial: Trial, attempt: int, run_dir: Path, checkpoint: Path, port: int = 0
) -> ArgumentContext:
    """The values of this attempt's placeholders."""
    return ArgumentContext(
        params=trial.params,
        number=trial.number,
        seed=trial.seed,
        study=spec.name,
        attempt=attempt,
        stage=trial.stage,
        run_dir=str(run_dir),
        checkpoint_dir=str(checkpoint),
        port=port,
    )


def shown_arguments(study: Study, trial: Trial, runs: Path) -> list[str]:
    """The argument list of a trial's next, or latest, attempt; a function gets `name=value`.

    For the eye alone: passwords within addresses are masked.
    """
    if study.spec.run.kind == "function":
        return [f"{name}={value_text(value)}" for name, value in trial.params.items()]
    return [without_passwords(word) for word in _words(study.spec, _shown_context(study, trial, runs))]


def unshown_point(spec: StudySpec, trial: Trial) -> Point:
    """The part of a trial's point that `shown_arguments` does not show."""
    typed = [item for where, item in items_of(spec.run) if where.startswith(("run.args.", "run.command."))]
    shown = set().union(*(names_used(item) for item in typed))
    if spec.run.kind == "function" or PARAMS in shown:
        return {}
    return {name: value for name, value in trial.params.items() if name not in shown}


def shown_command(study: Study, trial: Trial, runs: Path) -> str:
    """The trial as a line for a shell, from its beginning; of several folds the first."""
    spec, context = study.spec, _shown_context(study, trial, runs)
    if spec.run.folds:
        context = replace(context, fold=1)
    record: dict[str, Any] = {}
    with contextlib.suppress(OSError):
        record = run_dirs.spec(Path(context.run_dir))
    return command_line(
        spec.run,
        [] if spec.run.kind == "function" else _words(spec, context),
        render_env(spec, context),
        trial.params,
        cwd=str(record.get("cwd") or spec.run.cwd),
        sdk=str(record.get("bundle") or ""),
    )


def _words(spec: StudySpec, context: ArgumentContext) -> list[str]:
    run = spec.run
    program = ["-m", run.module] if run.module else [run.script_typed] if run.script_typed else []
    return [*program, *render(spec, context)]


def _shown_context(study: Study, trial: Trial, runs: Path) -> ArgumentContext:
    with contextlib.suppress(InvalidInput, OSError):
        trial = as_started(study.spec, trial, runs)
    attempt = max(1, trial.attempt)
    return argument_context(
        study.spec,
        trial,
        attempt,
        run_dirs.trial_dir(runs, trial.study, trial.number) / str(attempt),
        run_dirs.checkpoint_dir(runs, trial.study, run_dirs.checkpoints_of(trial)),
    )
