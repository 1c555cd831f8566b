"""Reads of the trials beside the search: those of the stages `confirm`, `finalize` and `test`. Owns no change."""

from __future__ import annotations

from sqlalchemy import Connection

from storage import rows
from storage.models import trials
from tuned.core.trials.trial import Trial

_t = trials.c


def trials_of_stage(conn: Connection, study_id: int, stage: str) -> list[Trial]:
    """A study's trials of a stage, by number."""
    statement = rows.select_trials().where(_t.study_id == study_id, _t.stage == stage).order_by(_t.number)
    return [rows.to_trial(row) for row in conn.execute(statement)]
