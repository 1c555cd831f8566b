"""Where the checkpoints lie that `init_from` names, and which trials keep theirs for it.

Owns both look-ups: in the database at submit, on the disk when a trial starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Connection

from storage import queries
from tuned.core.errors import InvalidInput
from tuned.core.program.pretraining import PARAMETER, STUDY, sources_of, study_source, with_checkpoint
from tuned.core.study import StudySpec
from tuned.core.trials.trial import Trial
from tuned.daemon.files import run_dirs


def pinned(conn: Connection, spec: StudySpec, runs: Path) -> StudySpec:
    """The specification with the trials of other studies that its `init_from` names; `best` is the best as of now.

    Raises:
        InvalidInput: There is no such study or trial, or it has no checkpoint.
    """
    found = dict(spec.pretrained)
    for value in (v for v in sources_of(spec.space) if v.startswith(STUDY)):
        source = study_source(value)
        study = queries.study(conn, source.study)
        best = study.best.number if study is not None and study.best is not None else None
        number = best if source.number is None else source.number
        if study is None or number is None or queries.trial(conn, study.id, number) is None:
            what = "there is no such study" if study is None else "it has no such trial"
            raise InvalidInput(f"{value}: {what}", where=f"space.{PARAMETER}", hint="see: tunectl studies")
        if not run_dirs.has_checkpoint(runs, source.study, number):
            raise InvalidInput(
                f"{value}: trial {number} of {source.study} has left no checkpoint",
                where=f"space.{PARAMETER}",
                hint="have its code save into trial.checkpoint_dir",
            )
        found[value] = f"{source.study}/{number}"
    return spec if found == spec.pretrained else replace(spec, pretrained=found)


def as_started(spec: StudySpec, trial: Trial, runs: Path) -> Trial:
    """The trial as its code gets it: with the path of the checkpoint that it begins from.

    A folder that holds one file alone stands for that file.

    Raises:
        InvalidInput: The checkpoint is gone.
    """
    value = trial.params.get(PARAMETER)
    if not isinstance(value, str) or value not in spec.pretrained:
        return trial
    path = _path(spec.pretrained[value], runs)
    if not path.exists():
        raise InvalidInput(f"the checkpoint of {value} is gone: {path}", where=f"space.{PARAMETER}")
    inside = [p for p in path.iterdir() if not p.name.startswith(".")] if path.is_dir() else []
    if len(inside) == 1 and inside[0].is_file():
        path = inside[0]
    return replace(trial, params=with_checkpoint(trial.params, {value: str(path)}))


def _path(target: str, runs: Path) -> Path:
    if target.startswith("/"):
        return Path(target)
    study, _, number = target.rpartition("/")
    return run_dirs.checkpoint_dir(runs, study, int(number))


def needed(specs: Mapping[str, StudySpec]) -> set[tuple[str, int]]:
    """(study, number) of all trials whose checkpoints a study begins from."""
    found = set()
    for spec in specs.values():
        for target in spec.pretrained.values():
            if not target.startswith("/"):
                study, _, number = target.rpartition("/")
                found.add((study, int(number)))
    return found
