"""The files that a trial finds when it starts: its copy of the code, its configs, and what it goes on from.

Owns their writing into a new run directory. Their content comes from the study's specification.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tuned import protocol
from tuned.core.errors import InvalidInput
from tuned.core.program.arguments import ArgumentContext, all_names, render_config, render_text
from tuned.core.study import StudySpec
from tuned.core.study_file.run_files import config_text, within
from tuned.daemon.files import snapshot
from tuned.daemon.files.saved import newest


def trial_path(spec: StudySpec, path: str, run_dir: Path) -> str:
    """Where a trial finds a path of the user's: in its own copy, when there is one and it is of the tree."""
    run = spec.run
    if run.code == "live" or not within(path, run.tree):
        return path
    inner = Path(path).relative_to(run.tree)
    return str(run_dir / protocol.WORK_DIR / inner)


def prepare(spec: StudySpec, context: ArgumentContext, run_dir: Path, runs: Path) -> None:
    """Fill `work/` and write the configs.

    Raises:
        InvalidInput: A config cannot be written as the study says: its source was changed, or is gone.
        OSError: The disk is full, or cannot be written.
    """
    run, work = spec.run, run_dir / protocol.WORK_DIR
    if run.code == "snapshot":
        source = snapshot.code_folder(runs / spec.name, run.code_hash)
        if not source.is_dir():
            raise InvalidInput(f"the copy of the code is gone: {source}", where="run.code", hint="submit it again")
        snapshot.lay_out(source, work, Path(run.tree), run.data)
        Path(trial_path(spec, run.cwd, run_dir)).mkdir(parents=True, exist_ok=True)
        _carry_over(spec, context, run_dir)
    if "checkpoint_dir" in all_names(spec):
        Path(context.checkpoint_dir).mkdir(parents=True, exist_ok=True)
    for i, config in enumerate(run.config):
        where = f"run.config.{i}"
        try:
            text = Path(trial_path(spec, config.source, run_dir)).read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"cannot be read: {error}", where=f"{where}.from", hint="put it back") from None
        target = Path(trial_path(spec, run.cwd, run_dir)) / render_text(spec, config.target, context)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(config_text(config, text, render_config(spec, config, context), where))


def resumes(spec: StudySpec, context: ArgumentContext, run_dir: Path) -> str:
    """Absolute path of the checkpoint that a trial goes on from; empty when there is none."""
    if spec.run.resume is None:
        return ""
    folder = trial_path(spec, spec.run.cwd, run_dir)
    found = newest(os.path.join(folder, render_text(spec, spec.run.resume.when, context)))  # noqa: PTH118
    return "" if found is None else str(found)


def _carry_over(spec: StudySpec, context: ArgumentContext, run_dir: Path) -> None:
    """Bring what a trial goes on from, when it lies in its own folder, from the latest attempt that has it."""
    if spec.run.resume is None:
        return
    when = render_text(spec, spec.run.resume.when, context)
    if Path(when).is_absolute():
        return
    for attempt in range(context.attempt - 1, 0, -1):
        folder = Path(trial_path(spec, spec.run.cwd, run_dir.parent / str(attempt)))
        before = newest(str(folder / when))
        if before is None:
            continue
        target = Path(trial_path(spec, spec.run.cwd, run_dir)) / before.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        if before.is_dir():
            shutil.copytree(before, target, dirs_exist_ok=True)
        else:
            shutil.copy2(before, target)
        return
