"""A trial's stored observations as the one number that each objective asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from tuned.core.study import Objective
from tuned.core.trials.effective_steps import effective
from tuned.core.trials.trial import summarise

_CURVE = "SELECT attempt, step, value FROM observations WHERE trial_id = ? AND name = ? ORDER BY attempt, step"
_LAST = "SELECT value FROM observations WHERE trial_id = ? AND name = ? AND attempt = ? ORDER BY step DESC LIMIT ?"
_BEFORE = "SELECT 1 FROM observations WHERE trial_id = ? AND name = ? AND attempt = ? LIMIT 1"

NAN = float("nan")


def summaries(conn: Connection, trial_id: int, objectives: Iterable[Objective]) -> dict[str, float]:
    """Objective metric -> its summary over everything stored; metrics never reported are left out."""
    found: dict[str, float] = {}
    for objective in objectives:
        rows = conn.exec_driver_sql(_CURVE, (trial_id, objective.metric)).all()
        value = _summary(objective, rows)
        if value is not None:
            found[objective.metric] = value
    return found


def stored_curve(conn: Connection, trial_id: int, objective: Objective) -> dict[tuple[int, float], float]:
    """(attempt, step) -> value of everything stored that counts, by step."""
    rows = conn.exec_driver_sql(_CURVE, (trial_id, objective.metric)).all()
    kept = effective((attempt, step, (attempt, NAN if value is None else value)) for attempt, step, value in rows)
    return {(attempt, step): value for step, (attempt, value) in kept}


def summary_of(objective: Objective, curve: Mapping[tuple[int, float], float]) -> float:
    """The summary of values by (attempt, step); NaN without any."""
    value = _summary(objective, [(*key, curve[key]) for key in sorted(curve)])
    return NAN if value is None else value


def _summary(objective: Objective, rows: Iterable[Any]) -> float | None:
    """Of rows (attempt, step, value), ordered by attempt and step."""
    counting = effective((attempt, step, NAN if value is None else value) for attempt, step, value in rows)
    return summarise(objective, [value for _, value in counting])


def has_reported(conn: Connection, trial_id: int, attempt: int, name: str) -> bool:
    """Whether this attempt has an observation of that name."""
    return conn.exec_driver_sql(_BEFORE, (trial_id, name, attempt)).first() is not None


def running_summary(
    conn: Connection, trial_id: int, attempt: int, objective: Objective, so_far: float | None, new: Sequence[float]
) -> float | None:
    """The summary after a batch is stored, without reading the whole curve.

    `so_far` is the summary before the batch, `new` the batch's values of this metric in the order of writing.
    """
    if objective.summary == "best":
        return summarise(objective, [*([] if so_far is None else [so_far]), *new])
    count = 1 if objective.summary == "last" else objective.last_n
    rows = conn.exec_driver_sql(_LAST, (trial_id, objective.metric, attempt, count)).all()
    return summarise(objective, [NAN if v is None else v for (v,) in reversed(rows)])


_BEST_TO = """SELECT {} FROM observations WHERE trial_id = ? AND name = ? AND attempt = ? AND step <= ?
    AND abs(value) < 9e999"""
_LAST_TO = """SELECT value FROM observations WHERE trial_id = ? AND name = ? AND attempt = ? AND step <= ?
    ORDER BY step DESC LIMIT ?"""
_CURVE_TO = """SELECT attempt, step, value FROM observations
    WHERE trial_id = ? AND name = ? AND attempt <= ? AND step <= ? ORDER BY attempt, step"""


def summary_at(conn: Connection, trial_id: int, attempt: int, objective: Objective, step: float) -> float:
    """The summary of what this attempt and those before it have reported up to a step; NaN when that is nothing."""
    if attempt > 1:
        rows = conn.exec_driver_sql(_CURVE_TO, (trial_id, objective.metric, attempt, step)).all()
        value = _summary(objective, rows)
        return NAN if value is None else value
    of = (trial_id, objective.metric, attempt, step)
    if objective.summary == "best":
        which = "min(value)" if objective.direction == "minimize" else "max(value)"
        best = conn.exec_driver_sql(_BEST_TO.format(which), of).scalar()
        if best is not None:
            return float(best)
    count = objective.last_n if objective.summary == "mean_last" else 1
    found = conn.exec_driver_sql(_LAST_TO, (*of, count)).all()
    value = summarise(objective, [NAN if v is None else v for (v,) in reversed(found)])
    return NAN if value is None else value
