"""Reads for those who were away: trials that ended after an event, and the best value before it. Owns no change."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from tuned.core.states import TERMINAL, Failure, TrialState
from tuned.core.study import Study

_STATES = ", ".join(repr(str(state)) for state in sorted(TERMINAL))
_ENDED = f"""SELECT number, state, failure, reason FROM trials
    WHERE study_id = ? AND moved_seq > ? AND state IN ({_STATES}) ORDER BY number"""
_BEST = """SELECT {}(value) FROM trials WHERE study_id = ? AND moved_seq <= ? AND tier < 2
    GROUP BY tier ORDER BY tier LIMIT 1"""


@dataclass(frozen=True, slots=True)
class EndedTrial:
    """A trial that has ended, and why."""

    number: int
    state: TrialState
    failure: Failure | None
    reason: str


def ended_after(conn: Connection, study_id: int, seq: int) -> list[EndedTrial]:
    """The study's trials that came to their end after an event."""
    found = conn.exec_driver_sql(_ENDED, (study_id, seq))
    return [EndedTrial(n, TrialState(s), None if f is None else Failure(f), r) for n, s, f, r in found]


def best_value_before(conn: Connection, study: Study, seq: int) -> float | None:
    """The value of the trial that was the best by an event; None without any."""
    objective = study.spec.objective
    if objective is None:
        return None
    best = "max" if objective.direction == "maximize" else "min"
    found = conn.exec_driver_sql(_BEST.format(best), (study.id, seq)).scalar()
    return None if found is None else float(found)
