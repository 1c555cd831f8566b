"""The parts of a study file that lead from the search to a final model: `[finalize]`, `[test]`, `[playbook]`.

Owns their checks, and the one question whether the user's code can be told which stage it is in.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from tuned.core.errors import InvalidInput
from tuned.core.files import Files
from tuned.core.playbook.spec import SEARCH_STEPS, STEPS, Finalize, FinalTest, PlaybookSpec
from tuned.core.playbook.steps import shares
from tuned.core.program.arguments import check_text, items_of, names_used
from tuned.core.search.grid import grid_size
from tuned.core.search.phases import initial_points
from tuned.core.space import SearchSpace
from tuned.core.study import Argument, MetricFile, Objective, RunSpec, SearchSpec, StudySpec
from tuned.core.study_file.models import FinalizeTable, FinalTestTable, PlaybookTable
from tuned.core.study_file.reporting import own_files

_STAGE = re.compile(r"\bTUNED_STAGE\b|\.stage\b|\bENV_STAGE\b")
_FOLD = re.compile(r"\bTUNED_FOLD\b|\bENV_FOLD\b")
_ADD = 'add [finalize] with args = ["--split=trainval"], '
_READ = "read TUNED_STAGE in the script"
_UNTOLD = f"{_ADD}use {{stage}} in args, or {_READ}"
_UNTOLD_YET = f"{_ADD}then: tunectl submit FILE --update; or {_READ}"


def finalize_of(
    table: FinalizeTable | None, run: RunSpec, space: SearchSpace, base: str, files: Files
) -> Finalize | None:
    """`[finalize]`, checked.

    Raises:
        InvalidInput: The fault and its key.
    """
    if table is None:
        return None
    _check_args(table.args, run, space, "finalize.args")
    if table.length and (table.length not in space.names or space[table.length].kind in ("choice", "bool")):
        numbers = [p.name for p in space.parameters if p.kind in ("float", "int", "fixed")]
        raise InvalidInput(
            f"{table.length!r} is no number of the space",
            where="finalize.length",
            hint=f"one of {', '.join(numbers)}" if numbers else "add it to [space], such as epochs = 20",
        )
    data = tuple(posixpath.normpath(posixpath.join(base, path)) for path in table.data)
    for i, path in enumerate(data):
        if not files.is_dir(path) and not files.is_file(path):
            hint = "paths start from the study file's folder"
            raise InvalidInput(f"there is no {path}", where=f"finalize.data.{i}", hint=hint)
    return Finalize(table.args, table.length, table.unit, table.train_fraction, data)


def final_test_of(
    table: FinalTestTable | None, run: RunSpec, space: SearchSpace, objectives: Sequence[Objective]
) -> FinalTest | None:
    """`[test]`, checked.

    Raises:
        InvalidInput: The fault and its key.
    """
    if table is None:
        return None
    for i, objective in enumerate(objectives):
        if objective.metric == table.metric:
            raise InvalidInput(
                f"{table.metric} is the objective: a search that improves it has used the test set up",
                where="test.metric" if len(objectives) == 1 else f"objective.{i}.metric",
                hint="let the search improve a validation metric, and keep this one for the final model",
            )
    _check_args(table.args, run, space, "test.args")
    return FinalTest(table.metric, table.args)


def _check_args(args: Sequence[Argument], run: RunSpec, space: SearchSpace, where: str) -> None:
    if args and run.kind == "function":
        raise InvalidInput("a function takes no args", where=where, hint="read trial.stage in it")
    for item in args:
        for text in (item,) if isinstance(item, str) else item:
            check_text(where, text, space)


def playbook_of(
    table: PlaybookTable | None, search: SearchSpec, space: SearchSpace, objectives: Sequence[Objective]
) -> PlaybookSpec | None:
    """`[playbook]`, checked, with each step's number of trials.

    Raises:
        InvalidInput: The fault and its key.
    """
    if table is None:
        return None
    if not objectives:
        raise InvalidInput("there is no objective to work towards", where="playbook", hint="add [objective]")
    if len(objectives) > 1:
        raise InvalidInput("works towards one objective", where="playbook", hint="leave one [objective]")
    _check_order(table)
    for name in table.trials:
        if name not in table.steps or name not in SEARCH_STEPS:
            raise InvalidInput(
                "is no step of the search", where=f"playbook.trials.{name}", hint=", ".join(SEARCH_STEPS)
            )
    given = dict(table.trials)
    searches = [name for name in table.steps if name in SEARCH_STEPS]
    if searches and search.phases:
        raise InvalidInput(
            "cannot be combined with [[search.phase]]",
            where="playbook.steps",
            hint="leave the phases out, or the search steps",
        )
    if "coarse" in searches and search.method == "grid":
        given.setdefault("coarse", grid_size(space, search.levels) + search.given)
    coarse = max(initial_points(space, search.trials), len(search.points) + 1)
    trials = shares(table.steps, search.trials, given, coarse)
    if 0 < table.max_seeds < table.seeds:
        raise InvalidInput(
            f"is less than the {table.seeds} seeds of the first round",
            where="playbook.max_seeds",
            hint=f"write {table.seeds} for one round alone, or more",
        )
    return PlaybookSpec(table.steps, trials, table.top, table.seeds, table.members, table.pause_before, table.max_seeds)


def _check_order(table: PlaybookTable) -> None:
    for key, names in (("steps", table.steps), ("pause_before", table.pause_before)):
        if len(set(names)) < len(names):
            raise InvalidInput("names a step twice", where=f"playbook.{key}", hint="drop one")
        if list(names) != [name for name in STEPS if name in names]:
            hint = "[" + ", ".join(f'"{name}"' for name in STEPS if name in names) + "]"
            raise InvalidInput("has another order than the steps build on", where=f"playbook.{key}", hint=hint)
    for name in table.pause_before:
        if name not in table.steps:
            raise InvalidInput(f"{name} is no step of this playbook", where="playbook.pause_before", hint="drop it")


def check_playbook(spec: StudySpec, files: Files) -> None:
    """Refuse a playbook that ends in a step which cannot be done.

    Raises:
        InvalidInput: Its code cannot be told that it shall train the final model.
    """
    if spec.playbook is not None and "finalize" in spec.playbook.steps:
        refuse_untold(spec, files)


def refuse_untold(spec: StudySpec, files: Files, submitted: bool = False) -> None:
    """Refuse to finalise what would only train the same model on the same part of the data again.

    Args:
        spec: The study's.
        files: Where its code lies.
        submitted: Whether the study has been submitted: its arguments stay as they are.

    Raises:
        InvalidInput: Neither arguments nor code depend on the stage; the remedy names the key to add.
    """
    if spec.finalize is not None and (spec.finalize.args or code_knows_stage(spec, files)):
        return
    if spec.finalize is None and code_knows_stage(spec, files):
        return
    hint = _UNTOLD_YET if submitted else _UNTOLD
    raise InvalidInput("nothing tells the code to train on all data", where="finalize.args", hint=hint)


def check_folds(run: RunSpec, metric_files: Sequence[MetricFile], files: Files) -> None:
    """Refuse folds that the program is not told, and `{fold}` where nobody counts them.

    Raises:
        InvalidInput: At that key.
    """
    named = [where for where, item in items_of(run) if "fold" in names_used(item)]
    named += [f"metrics.{file.kind}" for file in metric_files if "fold" in names_used(file.path)]
    if not run.folds:
        if named:
            raise InvalidInput("{fold} is of no folds", where=named[0], hint="add folds = 5 under [run]")
        return
    if run.kind == "function":
        raise InvalidInput("is for programs", where="run.folds", hint="use trial.folds(k) in the function")
    if not named and not _mentions(run, files, _FOLD):
        raise InvalidInput("each fold would be the same", where="run.folds", hint='add ["--fold", "{fold}"] to args')


def code_knows_stage(spec: StudySpec, files: Files) -> bool:
    """Whether the arguments name `{stage}`, or the user's own files read it."""
    if any("stage" in names_used(item) for _, item in items_of(spec.run)):
        return True
    return _mentions(spec.run, files, _STAGE)


def _mentions(run: RunSpec, files: Files, what: re.Pattern[str]) -> bool:
    """Whether the program, or a file of its own that it imports, has such words."""
    paths = [run.script] if run.script else []
    for word in run.command[:4]:
        path = posixpath.normpath(posixpath.join(run.cwd, word)) if isinstance(word, str) else ""
        if path and "{" not in path and files.is_file(path):
            paths.append(path)
    for path in paths:
        for file in own_files(path, files, run.root) if path.endswith(".py") else [path]:
            try:
                text = files.read_text(file)
            except (OSError, UnicodeDecodeError):
                continue
            if what.search(text):
                return True
    return False
