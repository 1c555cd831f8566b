"""Reads of repetitions, and of the trials outside of the search: the stages `confirm`, `finalize` and `test`."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from storage import rows
from storage.models import trials
from tuned.core.playbook.spec import CONFIRM_STAGE
from tuned.core.ranking import WHOLE_ENDS
from tuned.core.states import NO_OUTCOME, VALUED, TrialState
from tuned.core.study import SEARCH, Study
from tuned.core.trials.trial import Trial

_t = trials.c
_RESULT = "coalesce(t.value, json_extract(t.values_json, ?))"
"""The first objective of a trial, whose place is the parameter: `value` alone is NULL outside of the search."""
_WHOLE = "(t.state, t.stopped_by) IN (VALUES " + ", ".join(f"('{state}', '{by}')" for state, by in WHOLE_ENDS) + ")"


def trials_of_stage(conn: Connection, study_id: int, stage: str) -> list[Trial]:
    """A study's trials of a stage, by number."""
    statement = rows.select_trials().where(_t.study_id == study_id, _t.stage == stage).order_by(_t.number)
    return [rows.to_trial(row) for row in conn.execute(statement)]


def own_trials(conn: Connection, study_id: int) -> list[Trial]:
    """The trials of points that a person asked for, by number."""
    statement = rows.select_trials().where(_t.study_id == study_id, _t.origin == "user").order_by(_t.number)
    return [rows.to_trial(row) for row in conn.execute(statement)]


def repetitions(conn: Connection, study: Study) -> list[list[float]]:
    """Results of the points that ran whole with several seeds, in the search and in confirmations, point by point."""
    if not any(study.again.get(s) or study.aside.get(s) for s in VALUED):
        return []
    sql = f"""SELECT coalesce(t.retry_of, t.number), t.stage, t.seed, {_RESULT} FROM trials t
        WHERE t.study_id = ? AND {_WHOLE} AND t.stage IN (?, ?)"""
    groups: dict[tuple[int, str], dict[int, float]] = {}
    for of, stage, seed, value in conn.exec_driver_sql(sql, (_place(study), study.id, SEARCH, CONFIRM_STAGE)):
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
    if not any(study.again.get(s) or study.aside.get(s) for s in (*VALUED, TrialState.FAILED)):
        return OtherSeeds()
    sql = f"""WITH own AS (SELECT point_key, seed FROM trials WHERE study_id = ? AND number = ?)
        SELECT t.seed, {_WHOLE}, {_RESULT}, t.failure FROM trials t, own
        WHERE t.study_id = ? AND t.point_key = own.point_key AND t.seed <> own.seed
        AND ({_WHOLE} OR t.state = ?) AND t.stage IN (?, ?) ORDER BY t.seed"""
    asked = (study.id, number, _place(study), study.id, TrialState.FAILED.value, SEARCH, CONFIRM_STAGE)
    found = conn.exec_driver_sql(sql, asked).all()
    done = {int(seed): value for seed, whole, value, _ in found if whole and _finite(value)}
    failed = sum(not whole and failure not in NO_OUTCOME for _, whole, _, failure in found)
    return OtherSeeds([float(value) for value in done.values()], failed)


def reporting_count(conn: Connection, study_id: int, metric: str, but: Collection[str]) -> int:
    """How many trials of a study have reported a metric, those of some stages left out."""
    marks = ", ".join("?" * len(but))
    sql = f"""SELECT count(*) FROM trials t WHERE t.study_id = ? AND t.stage NOT IN ({marks})
        AND EXISTS (SELECT 1 FROM observations o WHERE o.trial_id = t.id AND o.name = ?)"""
    return int(conn.exec_driver_sql(sql, (study_id, *but, metric)).scalar_one())
