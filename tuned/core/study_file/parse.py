"""From the plain data of a study file to a `StudySpec`, or one line that says what is wrong with it.

Owns what needs more than one key to judge: names, paths, what reaches a trial, what a trial can report. It looks at
the disk only through the `Files` that it is given.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tuned.core.arguments import check_arguments, check_text, items_of, names_used
from tuned.core.errors import InvalidInput, NotYet
from tuned.core.files import Files
from tuned.core.interpreter import activated, choose_interpreter, find_program
from tuned.core.names import check_study_name
from tuned.core.notices import Notify, parse_command
from tuned.core.placeholders import Placeholder, parse_template
from tuned.core.pretraining import files_of
from tuned.core.search.grid import DEFAULT_LEVELS, LARGEST, grid_size
from tuned.core.space import Point, SearchSpace
from tuned.core.study import (
    Argument,
    Constraint,
    EarlyStopping,
    Objective,
    Pattern,
    RunSpec,
    SearchPhase,
    SearchSpec,
    StudySpec,
)
from tuned.core.study_file.constraint_file import constrained
from tuned.core.study_file.finish_file import check_finish, check_folds, finalize_of, look_of, playbook_of
from tuned.core.study_file.models import (
    ConstraintTable,
    EarlyStoppingTable,
    MetricsTable,
    NotifyTable,
    ObjectiveTable,
    RunTable,
    SearchTable,
    StudyTable,
)
from tuned.core.study_file.reading import read_tables
from tuned.core.study_file.reporting import Answer, mentions_us
from tuned.core.study_file.run_files import (
    configs_of,
    data_of,
    metric_files_of,
    predictions_of,
    renames_of,
    resume_of,
    tree_of,
)
from tuned.core.study_file.space_file import parse_space
from tuned.core.text import check_encodable

_TWINS = ("val_", "valid_", "eval_")
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FUNCTION = re.compile(r"(?P<file>.+\.py):(?P<name>[A-Za-z_]\w*)")
_PYTHON = re.compile(r"python(3(\.\d+)?)?")


def parse_study(
    data: Mapping[str, Any],
    *,
    base: str,
    environment: Mapping[str, str],
    files: Files,
    stem: str | None = None,
    name: str | None = None,
    file: str | None = None,
    own_prefix: str | None = None,
) -> StudySpec:
    """The specification of a submission.

    Args:
        data: The study file's content as plain data.
        base: Absolute folder that relative paths start from.
        environment: The submitter's whole environment.
        files: Where scripts, folders and programs are looked for.
        stem: File name without suffix: the study's name when it gives none.
        name: Overrides the study's name.
        file: Absolute path of the study file; None when it came from a script.
        own_prefix: `sys.prefix` of tunectl's installation, never taken for the trials' environment by VIRTUAL_ENV.

    Raises:
        NotYet: A key of a coming version is used.
        InvalidInput: The first thing that is wrong: what, at which key, and the remedy.
    """
    check_encodable(data, "")
    check_encodable([base, file, name], "the study's folder")
    tables, raw_space = read_tables(data)
    study_name = _study_name(tables, stem, name)
    space = parse_space(raw_space)
    space = constrained(space, tables.space_constraint)
    run = _run(tables.run, base, environment, files, own_prefix, space)
    patterns = _patterns(tables.metrics)
    metric_files = metric_files_of(tables.metrics, own_cwd=run.code == "snapshot")
    predictions = predictions_of(tables.metrics, own_cwd=run.code == "snapshot")
    objectives = _objectives(tables.objective, "objective" if isinstance(data.get("objective"), Mapping) else None)
    search = _search(tables.search, space)
    if space.tunable and not objectives:
        raise InvalidInput(
            "is required when there is something to tune",
            where="objective",
            hint='metric = "val_loss", direction = ...',
        )
    constraints = _constraints(tables.constraint, objectives)
    stopping = _early_stopping(tables.early_stopping, objectives)
    answer = _code_mentions_us(run, files)
    check_reach(run, space, files)
    check_folds(run, metric_files, files)
    for source in metric_files:
        check_text(f"metrics.{source.kind}", source.path, space)
    if predictions is not None:
        check_text("metrics.predictions", predictions, space)
    renames = renames_of(tables.metrics)
    if not metric_files:
        _refuse_silent(run, objectives, patterns, answer, renames)
        _refuse_silent(run, constraints, patterns, answer, renames)
    spec = StudySpec(
        name=study_name,
        run=run,
        search=search,
        space=space,
        objectives=objectives,
        patterns=patterns,
        metric_files=metric_files,
        rename=renames,
        question=tables.question,
        priority=tables.priority,
        file=file,
        early_stopping=stopping,
        constraints=constraints,
        pretrained=files_of(space, base, files),
        finalize=finalize_of(tables.finalize, run, space, base),
        test=look_of(tables.test, run, space),
        playbook=playbook_of(tables.playbook, search, space, objectives),
        predictions=predictions,
        notify=_notify(tables.notify),
    )
    check_finish(spec, files)
    return spec


def check_reach(run: RunSpec, space: SearchSpace, files: Files) -> None:
    """Refuse a space whose parameters do not reach the trial, or that lacks one which the arguments name.

    Raises:
        InvalidInput: At the first such parameter or placeholder.
    """
    answer = _code_mentions_us(run, files)
    check_arguments(run, space, taken_by_code=answer == "yes" or run.kind == "function")
    _refuse_unreached_script(run, space, answer)


def _notify(table: NotifyTable | None) -> Notify | None:
    if table is None:
        return None
    try:
        return Notify(parse_command(table.command), tuple(dict.fromkeys(table.on)))
    except ValueError as error:
        raise InvalidInput(
            str(error), where="notify.command", hint='write ["notify-send", "{title}", "{text}"]'
        ) from None


def _constraints(tables: list[ConstraintTable], objectives: tuple[Objective, ...]) -> tuple[Constraint, ...]:
    found: list[Constraint] = []
    for i, table in enumerate(tables):
        where = f"constraint.{i}"
        if not objectives:
            raise InvalidInput("there is no objective to constrain", where=where, hint="add [objective]")
        if table.at_most is None and table.at_least is None:
            raise InvalidInput("bounds nothing", where=where, hint="add at_most = ... or at_least = ...")
        if table.at_most is not None and table.at_least is not None and table.at_least > table.at_most:
            raise InvalidInput("no value is both", where=f"{where}.at_least", hint="at_least must not exceed at_most")
        if any(c.metric == table.metric for c in found):
            raise InvalidInput(f"{table.metric!r} is there twice", where=f"{where}.metric", hint="join them into one")
        found.append(Constraint(table.metric, table.at_most, table.at_least))
    return tuple(found)


def _early_stopping(table: EarlyStoppingTable | None, objectives: tuple[Objective, ...]) -> EarlyStopping | None:
    if table is None:
        return None
    if not objectives:
        raise InvalidInput("there is no objective to judge by", where="early_stopping", hint="add [objective]")
    if len(objectives) > 1:
        raise NotYet("is not offered with several objectives yet", where="early_stopping", hint="leave it out")
    if table.max_step is not None and table.max_step <= table.min_step:
        raise InvalidInput(
            f"max_step ({table.max_step:g}) is not beyond min_step ({table.min_step:g})",
            where="early_stopping.max_step",
            hint="it is the step at which a trial has finished",
        )
    return EarlyStopping(**table.model_dump())


def _study_name(tables: StudyTable, stem: str | None, name: str | None) -> str:
    chosen = name or tables.name or stem
    if not chosen:
        raise InvalidInput("the study has no name", where="name", hint='add name = "digits"')
    return check_study_name(chosen)


def _run(
    table: RunTable,
    base: str,
    environment: Mapping[str, str],
    files: Files,
    own_prefix: str | None,
    space: SearchSpace,
) -> RunSpec:
    given = [k for k in ("script", "function", "command") if getattr(table, k) is not None]
    if len(given) != 1:
        what = f"has {' and '.join(given)}" if given else "says not what to run"
        raise InvalidInput(what, where="run", hint="name exactly one of script, function, command")
    kind = given[0]
    for key in table.env:
        if not _ENV_NAME.fullmatch(key):
            raise InvalidInput(
                f"{key!r} cannot name an environment variable", where=f"run.env.{key}", hint="use A-Z, 0-9 and _"
            )
        if key.startswith("TUNED_"):
            raise InvalidInput("names in TUNED_ are taken", where=f"run.env.{key}", hint="choose another name")
    cwd = _folder(table.cwd, base, files)
    script, function = _script(table, base, files)
    if table.args and kind != "script":
        hint = "put them into command" if kind == "command" else "a function reads trial.params"
        raise InvalidInput(f"a {kind} takes no args", where="run.args", hint=hint)
    python, why = _interpreter(table, base, environment, files, own_prefix)
    if table.command is not None:
        searched = activated({**environment, **table.env}, python, files.is_file, files.is_dir)
        _check_program(table.command, cwd, searched, files)
    tree, own_cwd = tree_of(table, cwd, script, files), table.code == "snapshot"
    return RunSpec(
        kind=kind,  # type: ignore[arg-type]
        script=script,
        script_typed=table.script if kind == "script" else None,
        function=function,
        command=table.command or (),
        args=table.args,
        start=table.start,
        python=python,
        python_why=why,
        cwd=cwd,
        env=dict(table.env),
        preload=table.preload,
        timeout=table.timeout,
        grace=table.grace,
        retries={"lost": 1, **table.retries},
        cpus=table.resources.cpus,
        gpus=table.resources.gpus,
        limits=table.limits.model_dump(exclude_none=True),
        code=table.code,
        tree=tree,
        data=data_of(table, base, tree, files),
        config=configs_of(table.config, base, own_cwd, space, files),
        resume=resume_of(table, own_cwd),
        folds=table.folds or 0,
    )


def _interpreter(
    table: RunTable, base: str, environment: Mapping[str, str], files: Files, own_prefix: str | None
) -> tuple[str, str]:
    try:
        return choose_interpreter(table.python, base=base, environment=environment, files=files, own_prefix=own_prefix)
    except InvalidInput:
        if table.command is None or table.python is not None:
            raise
    return "", "a command needs no Python of its own"


def _folder(cwd: str | None, base: str, files: Files) -> str:
    path = posixpath.normpath(posixpath.join(base, cwd or "."))
    if not files.is_dir(path):
        raise InvalidInput(f"there is no folder {path}", where="run.cwd", hint="make it, or correct the path")
    return path


def _script(table: RunTable, base: str, files: Files) -> tuple[str | None, str | None]:
    if table.command is not None:
        return None, None
    key, typed, function = "run.script", table.script, None
    if table.function is not None:
        key = "run.function"
        match = _FUNCTION.fullmatch(table.function)
        if match is None:
            raise InvalidInput(f"{table.function!r} names no function", where=key, hint='write "train.py:train"')
        typed, function = match["file"], match["name"]
    path = posixpath.normpath(posixpath.join(base, typed or ""))
    if not files.is_file(path):
        what = f"{path} is a folder" if files.is_dir(path) else f"there is no file {path}"
        raise InvalidInput(what, where=key, hint="paths start from the study file's folder")
    return path, function


def _check_program(command: tuple[Argument, ...], cwd: str, environment: Mapping[str, str], files: Files) -> None:
    if not command or not isinstance(command[0], str) or not command[0]:
        raise InvalidInput("begins with no program", where="run.command", hint='write ["./train.sh", "{lr}"]')
    pieces = parse_template(command[0], "run.command.0")
    if any(isinstance(piece, Placeholder) for piece in pieces):
        return
    program = "".join(str(piece) for piece in pieces)
    if "/" not in program:
        if find_program(program, environment.get("PATH", ""), files) is None:
            hint = f"write ./{program}" if files.is_file(posixpath.join(cwd, program)) else "install it, or give a path"
            raise InvalidInput(f"{program!r} is not on PATH", where="run.command", hint=hint)
        return
    path = posixpath.normpath(posixpath.join(cwd, program))
    if not files.is_file(path):
        raise InvalidInput(f"there is no file {path}", where="run.command", hint="paths start from run.cwd")
    if not files.is_executable(path):
        raise InvalidInput(f"{path} is not executable", where="run.command", hint=f"chmod +x {path}")


def _patterns(table: MetricsTable) -> tuple[Pattern, ...]:
    return (
        *(Pattern(regex) for regex in table.patterns),
        *(Pattern(regex, "stdout") for regex in table.stdout),
        *(Pattern(regex, "stderr") for regex in table.stderr),
    )


def _objectives(tables: list[ObjectiveTable], single: str | None) -> tuple[Objective, ...]:
    objectives: list[Objective] = []
    for i, table in enumerate(tables):
        where = f"{single or f'objective.{i}'}.metric"
        if any(o.metric == table.metric for o in objectives):
            raise InvalidInput(f"{table.metric!r} is there twice", where=where, hint="drop one")
        summary, last_n = table.summary
        train = table.train or _twin(table.metric)
        objectives.append(Objective(table.metric, table.direction, summary, last_n, train))
    return tuple(objectives)


def _twin(metric: str) -> str | None:
    for prefix in _TWINS:
        if metric.startswith(prefix) and len(metric) > len(prefix):
            return "train_" + metric.removeprefix(prefix)
    return None


def _search(table: SearchTable, space: SearchSpace) -> SearchSpec:
    points = tuple(_point(i, point, space) for i, point in enumerate(table.point))
    method, levels = table.method or "auto", table.levels or DEFAULT_LEVELS
    if table.levels is not None and method != "grid":
        raise InvalidInput("is for a grid", where="search.levels", hint='write method = "grid", or drop it')
    trials = table.trials
    phases: tuple[SearchPhase, ...] = ()
    if table.phase:
        phases, trials = _phases(table, space)
    elif method == "grid":
        trials = _grid_trials(space, levels, table.trials, "search")
        if table.trials is None and table.budget is None:
            trials += len(points)
    if trials is None and table.budget is None:
        raise InvalidInput("trials or budget is required", where="search", hint='add trials = 50 or budget = "8h"')
    sources = tuple(check_study_name(name, "search.from") for name in table.sources)
    return SearchSpec(method, trials, table.budget, table.parallel, table.seed, points, levels, phases, sources)


def _phases(table: SearchTable, space: SearchSpace) -> tuple[tuple[SearchPhase, ...], int | None]:
    """The phases, and how many trials the whole search has."""
    if table.method is not None or table.levels is not None:
        key = "method" if table.method is not None else "levels"
        raise InvalidInput("stands beside phases", where=f"search.{key}", hint="name it in each [[search.phase]]")
    phases = []
    for i, entry in enumerate(table.phase):
        where, trials = f"search.phase.{i}", entry.trials
        if entry.method == "grid":
            trials = _grid_trials(space, entry.levels, trials, where)
        if trials is None and i < len(table.phase) - 1:
            raise InvalidInput(
                "only the last phase goes on without end", where=f"{where}.trials", hint="add trials = 20"
            )
        if entry.refine and i == 0:
            raise InvalidInput("comes before any result", where=f"{where}.refine", hint="put it into a later phase")
        if entry.refine and entry.method == "grid":
            hint = 'refine before "sobol" or "bayesian"'
            raise InvalidInput("a grid is laid out before the study begins", where=f"{where}.refine", hint=hint)
        phases.append(SearchPhase(entry.method, trials, entry.levels, entry.refine))
    total = table.trials
    if total is None and table.budget is None and phases[-1].trials is not None:
        total = sum(phase.trials or 0 for phase in phases)
    return tuple(phases), total


def _grid_trials(space: SearchSpace, levels: int, trials: int | None, where: str) -> int:
    """How many points the grid has; refused when they are too many, or more than the trials."""
    size = grid_size(space, levels)
    if size > LARGEST:
        raise InvalidInput(
            f"the grid has {size:,} points, and {LARGEST:,} is the most",
            where=f"{where}.levels",
            hint='fewer levels, fewer parameters, or method = "sobol", which covers the same space',
        )
    if trials is not None and size > trials:
        raise InvalidInput(
            f"the grid has {size} points, but there are {trials} trials",
            where=f"{where}.trials",
            hint=f'trials = {size}, fewer levels, or method = "sobol"',
        )
    return size


def _point(index: int, table: Mapping[str, Any], space: SearchSpace) -> tuple[str, Point]:
    values = dict(table)
    label = values.pop("label", "")
    where = f"search.point.{index}"
    if not isinstance(label, str) or not label.isprintable() or len(label) > 100:
        raise InvalidInput(f"{label!r} is no label", where=f"{where}.label", hint='write label = "baseline"')
    try:
        return label, space.check_partial(values)
    except InvalidInput as error:
        key = (error.where or "").removeprefix("space.")
        raise InvalidInput(error.what, where=f"{where}.{key}", hint=error.hint or "see [space]") from None
    except (ValueError, OverflowError, TypeError) as error:  # an infinite or odd value for a whole number
        raise InvalidInput(str(error), where=where, hint="give plain finite values") from None


def _code_mentions_us(run: RunSpec, files: Files) -> Answer:
    if run.script is not None:
        return mentions_us(run.script, files)
    texts = [item for item in run.command if isinstance(item, str)]
    program = posixpath.basename(texts[0])
    if len(texts) > 1 and _PYTHON.fullmatch(program) and texts[1].endswith(".py"):
        return mentions_us(posixpath.normpath(posixpath.join(run.cwd, texts[1])), files)
    for text in texts:
        path = posixpath.normpath(posixpath.join(run.cwd, text))
        if "/" in text and files.is_file(path) and _names_us(path, files):
            return "yes"
    return "unsure"


def _names_us(path: str, files: Files) -> bool:
    try:
        text = files.read_text(path)
    except OSError:
        return False
    return "tuned" in text or "TUNED_" in text


def _refuse_unreached_script(run: RunSpec, space: SearchSpace, answer: Answer) -> None:
    """A study without any placeholder whose code certainly never asks for parameters would tune nothing."""
    used = {name for _, item in items_of(run) for name in names_used(item)} & {"params", *space.names}
    if answer == "no" and run.kind != "function" and space.tunable and not used:
        key = "command" if run.kind == "command" else "args"
        raise InvalidInput(
            "reaches nothing",
            where=f"space.{space.tunable[0].name}",
            hint=f'add {key} = ["{{params}}"] under [run], or read it with tuned.current_trial()',
        )


def _refuse_silent(
    run: RunSpec,
    objectives: Sequence[Objective | Constraint],
    patterns: tuple[Pattern, ...],
    answer: Answer,
    renames: Mapping[str, str],
) -> None:
    """An objective that certainly nothing reports; a mere doubt is left to the study's first trial."""
    if answer != "no" or run.kind == "function":
        return
    found = {renames.get(name, name) for pattern in patterns for name in re.compile(pattern.regex).groupindex}
    for objective in objectives:
        if objective.metric not in found:
            listed = ", ".join(sorted(found - {"step"}))
            raise InvalidInput(
                f"nothing reports {json.dumps(objective.metric)}"
                + (
                    f"; the patterns give {listed}"
                    if listed
                    else ": the code never names tuned, and there are no patterns"
                ),
                where="constraint.metric" if isinstance(objective, Constraint) else "objective.metric",
                hint="report it with tuned.current_trial().report(...), or add a pattern under [metrics]",
            )
