"""A study in the formats of other programs: tables (CSV, JSON lines) and Optuna's journal.

Owns those formats. Pure: core shapes in, lines out; nothing of Optuna is imported.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from tuned.core.feasibility import breaks
from tuned.core.ranking import cut_short
from tuned.core.space import Parameter, Value, same_value
from tuned.core.states import TERMINAL, VALUED, TrialState
from tuned.core.study import StudySpec
from tuned.core.trials.effective_steps import effective
from tuned.core.trials.trial import Observation, Trial
from tuned.protocol import encode_number

Format = Literal["csv", "jsonl", "optuna"]
FORMATS: tuple[Format, ...] = ("csv", "jsonl", "optuna")

COLUMNS = (
    "number", "state", "attempt", "origin", "reason", "failure", "stage", "seed", "device", "priority", "last_step",
    "created_at", "started_at", "ended_at", "retry_of", "why", "code", "stopped_by",
)  # fmt: skip
"""Columns of every table, in their order, besides parameters and values."""
BREAKS = "breaks"
"""The column of the constraints that a trial breaks, in tables of a study that has any."""


def csv_lines(
    spec: StudySpec, trials: Iterable[tuple[Trial, Mapping[str, float]]], others: Sequence[str] = ()
) -> Iterator[str]:
    """A table with a head: columns as above, `params.NAME` of every parameter and `values.NAME` of every metric.

    Args:
        spec: The study's specification.
        trials: Each with the last value of all that it reported.
        others: Metrics besides objectives and constraints, whose columns come last.
    """
    names, metrics = spec.space.names, [objective.metric for objective in spec.measured]
    others = [name for name in others if name not in metrics]
    bounds = [BREAKS] if spec.constraints else []
    yield _csv_line([*COLUMNS, *bounds, *(f"params.{n}" for n in names), *(f"values.{m}" for m in (*metrics, *others))])
    for trial, last in trials:
        cells = [getattr(trial, column) for column in COLUMNS]
        cells += ["; ".join(breaks(trial.values, spec.constraints)) for _ in bounds]
        cells += [trial.params.get(name) for name in names]
        cells += [trial.values.get(metric) for metric in metrics]
        cells += [last.get(metric) for metric in others]
        yield _csv_line(["" if cell is None else cell for cell in cells])


def _csv_line(cells: Sequence[Any]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def json_lines(spec: StudySpec, trials: Iterable[tuple[Trial, Mapping[str, float]]]) -> Iterator[str]:
    """One JSON object a trial, parameters, values and the last value of every metric nested.

    Values that are not finite are words.
    """
    for trial, last in trials:
        row = {column: getattr(trial, column) for column in COLUMNS}
        row |= {"params": dict(trial.params), "values": {k: encode_number(v) for k, v in trial.values.items()}}
        row[BREAKS] = breaks(trial.values, spec.constraints)
        row["metrics"] = {name: encode_number(value) for name, value in last.items()}
        yield json.dumps(row) + "\n"


CREATE_STUDY, SET_STUDY_USER_ATTR, CREATE_TRIAL = 0, 2, 4
"""Operations of Optuna's journal."""
COMPLETE, PRUNED, FAIL = 1, 2, 3
"""States of Optuna's trials."""
WORKER = "tuned"


def optuna_lines(spec: StudySpec, trials: Iterable[tuple[Trial, Sequence[Observation]]]) -> Iterator[str]:
    """A journal that `optuna.storages.JournalStorage` reads (`JournalFileBackend(path)`), of all trials that ended.

    Cancelled trials, which are discarded from the search, are left out; since Optuna counts from 0 without gaps, our
    number is each trial's attribute `tuned_number`. Reports of a single objective become intermediate values.

    Args:
        spec: The study's specification, with at least one objective.
        trials: Each with its observations of the objective, by attempt and step.
    """
    directions = [1 if objective.direction == "minimize" else 2 for objective in spec.objectives]
    yield _journal_line(CREATE_STUDY, study_name=spec.name, directions=directions)
    if spec.question:
        yield _journal_line(SET_STUDY_USER_ATTR, study_id=0, user_attr={"question": spec.question})
    for trial, seen in trials:
        if trial.state in TERMINAL and trial.state is not TrialState.CANCELLED:
            yield _journal_line(CREATE_TRIAL, **_optuna_trial(spec, trial, seen))


def _journal_line(operation: int, **fields: Any) -> str:
    return json.dumps({"op_code": operation, "worker_id": WORKER, **fields}, separators=(",", ":")) + "\n"


def _optuna_trial(spec: StudySpec, trial: Trial, seen: Sequence[Observation]) -> dict[str, Any]:
    values = [trial.values.get(objective.metric, math.nan) for objective in spec.objectives]
    usable = not any(math.isnan(value) for value in values)
    # Optuna's best is among complete trials: one that stopped by patience has converged.
    whole = COMPLETE if usable and trial.state in VALUED else FAIL
    state = PRUNED if cut_short(trial) else whole
    parameters = [spec.space[name] for name in trial.params if name in spec.space.names]
    given = values if usable and state != FAIL else None
    attributes = {"tuned_number": trial.number, "origin": trial.origin, "seed": trial.seed}
    if trial.reason:
        attributes["reason"] = trial.reason
    others = {k: v for k, v in trial.values.items() if k not in {o.metric for o in spec.objectives}}
    return {
        "study_id": 0,
        "datetime_start": _moment(trial.started_at or trial.created_at),
        "datetime_complete": _moment(trial.ended_at or trial.created_at),
        "state": state,
        "value": given[0] if given and len(given) == 1 else None,
        "values": given if given and len(given) > 1 else None,
        "distributions": {p.name: _distribution(p, trial.params[p.name]) for p in parameters},
        "params": {p.name: _internal(p, trial.params[p.name]) for p in parameters},
        "user_attrs": {**attributes, **others},
        "system_attrs": _constraints(spec, trial),
        "intermediate_values": _intermediate(seen) if len(spec.objectives) == 1 else {},
    }


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds")


def _choices(parameter: Parameter, value: Value) -> list[Value]:
    choices: list[Value] = [False, True] if parameter.kind == "bool" else list(parameter.values)
    return choices if any(same_value(value, choice) for choice in choices) else [*choices, value]


def _distribution(parameter: Parameter, value: Value) -> str:
    attributes: dict[str, Any]
    if parameter.kind in ("float", "int"):
        number = float(value) if parameter.kind == "float" else int(value)
        name = "FloatDistribution" if parameter.kind == "float" else "IntDistribution"
        # A rounded value may lie a little beyond its end.
        low, high = min(parameter.low or 0, number), max(parameter.high or 0, number)
        step = None if parameter.kind == "float" else 1
        attributes = {"step": step, "low": low, "high": high, "log": parameter.log}
    else:
        name, attributes = "CategoricalDistribution", {"choices": _choices(parameter, value)}
    return json.dumps({"name": name, "attributes": attributes})


def _internal(parameter: Parameter, value: Value) -> float:
    if parameter.kind in ("float", "int"):
        return float(value)
    return float(next(i for i, c in enumerate(_choices(parameter, value)) if same_value(c, value)))


def _constraints(spec: StudySpec, trial: Trial) -> dict[str, Any]:
    """Optuna's form of a bound: not above 0 where it holds."""
    excess = []
    for bound in spec.constraints:
        value = trial.values.get(bound.metric)
        if value is None or math.isnan(value):
            return {}
        if bound.at_most is not None:
            excess.append(value - bound.at_most)
        if bound.at_least is not None:
            excess.append(bound.at_least - value)
    return {"constraints": excess} if excess else {}


def _intermediate(seen: Sequence[Observation]) -> dict[str, float]:
    """Step -> value, of whole steps alone."""
    rows = sorted((o.attempt, o.step, o.value) for o in seen if o.step == int(o.step))
    return {str(int(step)): value for step, value in effective(rows)}
