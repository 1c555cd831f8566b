"""From the plain data of a study file to a `StudySpec`, or one line that says what is wrong with it.

Owns the order of the checks, and what needs several tables to judge: names, objectives, constraints, early stopping.
It looks at the disk only through the `Files` that it is given.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

from tuned.core.errors import InvalidInput
from tuned.core.files import Files
from tuned.core.names import check_study_name
from tuned.core.program.interpreter import find_program
from tuned.core.program.pretraining import files_of
from tuned.core.queue.preempting import URGENT_PRIORITY
from tuned.core.study import (
    Constraint,
    EarlyStopping,
    Objective,
    Pattern,
    StudySpec,
)
from tuned.core.study.notices import Notify, parse_command
from tuned.core.study_file.constraint_file import check_bounds, constrained
from tuned.core.study_file.models import (
    ConstraintTable,
    EarlyStoppingTable,
    MetricsTable,
    NotifyTable,
    ObjectiveTable,
    StudyTable,
)
from tuned.core.study_file.playbook_file import check_folds, check_playbook, final_test_of, finalize_of, playbook_of
from tuned.core.study_file.reach import check_reach, code_mentions_us, refuse_silent
from tuned.core.study_file.reading import read_tables
from tuned.core.study_file.run_files import (
    metric_files_of,
    predictions_of,
    renames_of,
)
from tuned.core.study_file.run_table import run_of
from tuned.core.study_file.search_table import search_of
from tuned.core.study_file.space_file import parse_space
from tuned.core.study_file.taking import taken
from tuned.core.text import check_encodable

_TWINS = ("val_", "valid_", "eval_")


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
        NotYet: Early stopping is asked for with several objectives.
        InvalidInput: The first thing that is wrong: what, at which key, and the remedy.
    """
    check_encodable(data, "")
    check_encodable([base, file, name], "the study's folder")
    _check_environment(environment)
    _refuse_unfinished(data, "")
    tables, raw_space = read_tables(data)
    study_name = _study_name(tables, stem, name)
    space = parse_space(raw_space)
    space = constrained(space, tables.space_constraint)
    run = run_of(tables.run, base, environment, files, own_prefix, space)
    patterns = _patterns(tables.metrics)
    metric_files = metric_files_of(tables.metrics, run.code == "snapshot", space)
    predictions = predictions_of(tables.metrics, run.code == "snapshot", space)
    objectives = _objectives(tables.objective, "objective" if isinstance(data.get("objective"), Mapping) else None)
    search = search_of(tables.search, space)
    if space.tunable and not objectives:
        raise InvalidInput(
            "is required when there is something to tune",
            where="objective",
            hint='metric = "val_loss", direction = ...',
        )
    constraints = _constraints(tables.constraint, objectives)
    stopping = _early_stopping(tables.early_stopping, objectives)
    answer = code_mentions_us(run, files)
    check_reach(run, space, files)
    run = taken(run, space, files)
    check_folds(run, metric_files, files)
    renames = renames_of(tables.metrics)
    if not metric_files:
        refuse_silent(run, objectives, patterns, answer, renames)
        refuse_silent(run, constraints, patterns, answer, renames)
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
        priority=max(tables.priority, URGENT_PRIORITY) if tables.urgent else tables.priority,
        urgent=tables.urgent,
        file=file,
        early_stopping=stopping,
        constraints=constraints,
        pretrained=files_of(space, base, files),
        finalize=finalize_of(tables.finalize, run, space, base, files),
        test=final_test_of(tables.test, run, space, objectives),
        playbook=playbook_of(tables.playbook, search, space, objectives),
        predictions=predictions,
        notify=_notify(tables.notify, environment, files),
    )
    check_playbook(spec, files)
    return spec


def _refuse_unfinished(value: Any, where: str) -> None:
    """Refuse a `TODO` that a draft has left for a person."""
    if value == "TODO":
        raise InvalidInput("is still to be filled in", where=where, hint="write the value in place of TODO")
    if isinstance(value, Mapping):
        for name, inner in value.items():
            _refuse_unfinished(inner, f"{where}.{name}" if where else str(name))
    elif isinstance(value, list | tuple):
        for i, inner in enumerate(value):
            _refuse_unfinished(inner, f"{where}.{i}")


def _check_environment(environment: Mapping[str, str]) -> None:
    """Refuse what no process can be given; only a request that was made by hand can hold it."""
    for key, value in environment.items():
        if not key or "=" in key or "\0" in key or "\0" in value:
            raise InvalidInput(
                f"{key!r} is no variable", where="environment", hint="names without =, texts without NUL"
            )


def _notify(table: NotifyTable | None, environment: Mapping[str, str], files: Files) -> Notify | None:
    if table is None:
        return None
    where = "notify.command"
    try:
        command = parse_command(table.command)
    except ValueError as error:
        raise InvalidInput(str(error), where=where, hint='write ["notify-send", "{title}", "{text}"]') from None
    program = command[0]
    if "/" not in program and find_program(program, environment.get("PATH", ""), files) is None:
        raise InvalidInput(f"{program!r} is not on PATH", where=where, hint="install it, or give its absolute path")
    if "/" in program and not posixpath.isabs(program):
        raise InvalidInput("is run in the folder /", where=where, hint="give the program's absolute path")
    if "/" in program and not files.is_executable(program):
        raise InvalidInput(f"there is no program {program}", where=where, hint="correct the path, or chmod +x it")
    return Notify(command, tuple(dict.fromkeys(table.on)))


def _constraints(tables: list[ConstraintTable], objectives: tuple[Objective, ...]) -> tuple[Constraint, ...]:
    found: list[Constraint] = []
    for i, table in enumerate(tables):
        where = f"constraint.{i}"
        if not objectives:
            raise InvalidInput("there is no objective to constrain", where=where, hint="add [objective]")
        check_bounds(table, where)
        if any(c.metric == table.metric for c in found):
            raise InvalidInput(f"{table.metric!r} is there twice", where=f"{where}.metric", hint="join them into one")
        found.append(Constraint(table.metric, table.at_most, table.at_least))
    return tuple(found)


def _early_stopping(table: EarlyStoppingTable | None, objectives: tuple[Objective, ...]) -> EarlyStopping | None:
    if table is None:
        return None
    rule = EarlyStopping(**table.model_dump())
    rule.check(objectives)
    return rule


def _study_name(tables: StudyTable, stem: str | None, name: str | None) -> str:
    chosen = next((given for given in (name, tables.name, stem) if given is not None), None)
    if chosen is None:
        raise InvalidInput("the study has no name", where="name", hint='add name = "digits"')
    return check_study_name(chosen)


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
