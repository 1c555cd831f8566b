"""Whether a search of one trial at a time waits for its last result before it chooses the next point.

Owns that choice. It is made once, when the model begins, and stored in the study: a suggestion must not depend on what
time it happens to be.
"""

from __future__ import annotations

from dataclasses import replace
from statistics import median

from sqlalchemy import Connection

from storage import queries, repository
from tuned.core.queue.ahead import worth_waiting
from tuned.core.states import VALUED
from tuned.core.study import Study
from tuned.core.trials.ran import ran_s
from tuned.daemon.search.ways import reproducible

SUGGESTION_S = 0.5
"""The assumed cost of a suggestion: the speed of this machine must not decide."""
LOOKED_AT = 50
"""Trials whose durations are looked at."""

SETTLED = "search.lag: null"
"""How the change begins that the daemon makes by itself (`settle_lag`), which is no news to a person."""


def settle_lag(conn: Connection, study_id: int, now: float) -> Study:
    """The study, with its `search.lag` settled if it is one trial at a time and has a duration to go by."""
    study = queries.study_by_id(conn, study_id)
    if not reproducible(study) or study.spec.search.lag is not None:
        return study
    ended = [t for t in queries.last_ended(conn, study_id, LOOKED_AT) if t.state in VALUED]
    took = [seconds for trial in ended if (seconds := ran_s(trial, now)) is not None]
    if not took:
        return study
    lag = 0 if worth_waiting(SUGGESTION_S, median(took)) else 1
    spec = study.spec
    repository.update_spec(conn, study_id, replace(spec, search=replace(spec.search, lag=lag)), now)
    return queries.study_by_id(conn, study_id)
