"""Reads of repetitions, and of the trials outside of the search: the stages `confirm`, `finalize` and `test`."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from storage import rows
from storage.models import trials
from tuned.core.playbook.spec import CONFIRM_STAGE
from tuned.core.states import NO_OUTCOME, TrialState
from tuned.core.study import SEARCH, Study
from tuned.core.trials.trial import Trial

_t = trials.c
_RESULT = "coalesce(t.value, json_extract(t.values_json, ?))"
"""The first objective of a trial, whose place is the parameter: `value` alone is NULL outside of the search."""


def trials_of_stage(conn: Connection, study_id: int, stage: str) -> list[Trial]:
    """A study's trials of a stage, by number."""
    statement = rows.select_trials().where(_t.study_id == study_id, _t.stage == stage).order_by(_t.number)
    return [rows.to_trial(row) for row in conn.execute(statement)]


def own_trials(conn: Connection, study_id: int) -> list[Trial]:
    """The trials of points that a person asked for, by number."""
    statement = rows.select_trials().where(_t.study_id == study_id, _t.origin == "user").order_by(_t.number)
    return [rows.to_trial(row) for row in conn.execute(statement)]


def repetitions(conn: Connection, study: Study) -> list[list[float]]:
    """Results of the points that completed with several seeds, in the search and in confirmations, point by point."""
    done = TrialState.COMPLETED
    if not study.again.get(done) and not study.aside.get(done):
        return []
    sql = f"""SELECT coalesce(t.retry_of, t.number), t.stage, t.seed, {_RESULT} FROM trials t
        WHERE t.study_id = ? AND t.state = ? AND t.stage IN (?, ?)"""
    groups: dict[tuple[int, str], dict[int, float]] = {}
    for of, stage, seed, value in conn.exec_driver_sql(
        sql, (_place(study), study.id, done.value, SEARCH, CONFIRM_STAGE)
    ):
        if _finite(value):
            groups.setdefault((of, stage), {})[seed] = value
    return [list(runs.values()) for runs in groups.values() if len(runs) > 1]


def _place(study: Study) -> str:
    """Where the first objective stands among a trial's values."""
    return f'$."{study.spec.objective.metric}"' if study.spec.objective else "$"


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


@dataclass(frozen=True, slots=True)
class OtherSeeds:
    """Results of a trial's point with other seeds, in the search and in confirmations.

    Attributes:
        values: The finite results, by seed.
        failed: Runs that failed for a reason of the point's own.
    """

    values: Sequence[float] = ()
    failed: int = 0


def other_seeds(conn: Connection, study: Study, number: int) -> OtherSeeds:
    """The other runs of a trial's point; without a read where the study repeats nothing."""
    if not any(study.again.get(s) or study.aside.get(s) for s in (TrialState.COMPLETED, TrialState.FAILED)):
        return OtherSeeds()
    sql = f"""WITH own AS (SELECT point_key, seed FROM trials WHERE study_id = ? AND number = ?)
        SELECT t.seed, t.state, {_RESULT}, t.failure FROM trials t, own
        WHERE t.study_id = ? AND t.point_key = own.point_key AND t.seed <> own.seed
        AND t.state IN (?, ?) AND t.stage IN (?, ?) ORDER BY t.seed"""
    states = (TrialState.COMPLETED.value, TrialState.FAILED.value)
    asked = (study.id, number, _place(study), study.id, *states, SEARCH, CONFIRM_STAGE)
    found = conn.exec_driver_sql(sql, asked).all()
    done = {int(seed): value for seed, state, value, _ in found if state == states[0] and _finite(value)}
    failed = sum(state == states[1] and failure not in NO_OUTCOME for _, state, _, failure in found)
    return OtherSeeds([float(value) for value in done.values()], failed)


def reporting_count(conn: Connection, study_id: int, metric: str, but: Collection[str]) -> int:
    """How many trials of a study have reported a metric, those of some stages left out."""
    marks = ", ".join("?" * len(but))
    sql = f"""SELECT count(*) FROM trials t WHERE t.study_id = ? AND t.stage NOT IN ({marks})
        AND EXISTS (SELECT 1 FROM observations o WHERE o.trial_id = t.id AND o.name = ?)"""
    return int(conn.exec_driver_sql(sql, (study_id, *but, metric)).scalar_one())
