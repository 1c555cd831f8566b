"""Writes of trials that ended elsewhere: rows that were never queued here.

Owns their form. They have no attempt and no run directory.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, update

from storage.driver import driver_of
from storage.json_text import dump_values
from storage.models import trials
from storage.repository.events import add_event
from storage.repository.studies import offer_best
from storage.repository.trials import ID_BY_NUMBER, NewTrial, add_trials
from tuned.core import events
from tuned.core.space import Point
from tuned.core.states import Actor, StoppedBy, TrialState
from tuned.core.study import Study
from tuned.protocol import encode_numbers

ORIGIN = "imported"

_t = trials.c
_OBSERVE = (
    "INSERT OR IGNORE INTO observations (trial_id, name, attempt, step, value, time) VALUES (?, ?, 1, ?, ?, NULL)"
)


@dataclass(frozen=True, slots=True)
class EndedTrial:
    """A trial that ended elsewhere.

    Attributes:
        state: `completed`, `pruned` or `failed`.
        curve: (step, value) of the first objective.
        began, ended: Unix seconds; None where nobody knows.
    """

    params: Point
    state: TrialState
    values: Mapping[str, float]
    reason: str = ""
    curve: Sequence[tuple[float, float]] = ()
    began: float | None = None
    ended: float | None = None


def add_ended(conn: Connection, study: Study, ended: Sequence[EndedTrial], why: str, now: float) -> list[int]:
    """Store trials that ended elsewhere.

    Returns:
        Their numbers, in the order given.
    """
    new = [NewTrial(trial.params, ORIGIN, why) for trial in ended]
    numbers = add_trials(conn, study.id, new, now)
    for number, trial in zip(numbers, ended, strict=True):
        _end(conn, study, number, trial, now)
    return numbers


def _end(conn: Connection, study: Study, number: int, trial: EndedTrial, now: float) -> None:
    row_id = conn.execute(ID_BY_NUMBER, {"wanted": study.id, "which": number}).scalar_one()
    objective = study.spec.objective
    value = math.nan if objective is None else trial.values.get(objective.metric, math.nan)
    data: dict[str, Any] = {"from": TrialState.QUEUED.value, "to": trial.state.value, "event": ORIGIN}
    data |= {"actor": Actor.USER.value, "values": encode_numbers(trial.values), "reason": trial.reason}
    new = {
        "state": trial.state.value,
        "values_json": dump_values(trial.values),
        "value": None if math.isnan(value) else value,
        "reason": trial.reason,
        "stopped_by": StoppedBy.USER.value if trial.state is TrialState.PRUNED else "",
        "failure": "error" if trial.state is TrialState.FAILED else None,
        "started_at": trial.began,
        "ended_at": now if trial.ended is None else trial.ended,
        "last_step": trial.curve[-1][0] if trial.curve else None,
        "moved_seq": add_event(conn, events.TRIAL_MOVED, study.name, number, data, now),
    }
    conn.execute(update(trials).where(_t.id == row_id).values(**new))
    if objective is not None and trial.curve:
        rows = [(row_id, objective.metric, s, None if math.isnan(v) else v) for s, v in trial.curve]
        driver_of(conn).executemany(_OBSERVE, rows)
    offer_best(conn, study.id, row_id, objective)
