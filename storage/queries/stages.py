"""Reads of the trials beside the search: those of the stages `confirm`, `finalize` and `test`. Owns no change."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection

from storage import rows
from storage.models import trials
from tuned.core.trials.trial import Trial

_t = trials.c


def trials_of_stage(conn: Connection, study_id: int, stage: str) -> list[Trial]:
    """A study's trials of a stage, by number."""
    statement = rows.select_trials().where(_t.study_id == study_id, _t.stage == stage).order_by(_t.number)
    return [rows.to_trial(row) for row in conn.execute(statement)]


def own_trials(conn: Connection, study_id: int) -> list[Trial]:
    """The trials of points that a person asked for, by number."""
    statement = rows.select_trials().where(_t.study_id == study_id, _t.origin == "user").order_by(_t.number)
    return [rows.to_trial(row) for row in conn.execute(statement)]


def reporting_count(conn: Connection, study_id: int, metric: str, but: Collection[str]) -> int:
    """How many trials of a study have reported a metric, those of some stages left out."""
    marks = ", ".join("?" * len(but))
    sql = f"""SELECT count(*) FROM trials t WHERE t.study_id = ? AND t.stage NOT IN ({marks})
        AND EXISTS (SELECT 1 FROM observations o WHERE o.trial_id = t.id AND o.name = ?)"""
    return int(conn.exec_driver_sql(sql, (study_id, *but, metric)).scalar_one())
