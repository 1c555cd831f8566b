"""A field of a trial has one name from its column to the wire: adding one touches the table, `Trial` and `TrialRow`."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

from sqlalchemy import Connection

from storage import queries, rows
from storage.models import trials
from tests.db.conftest import Lab
from tuned.analyses.study_data import TrialData, _trial
from tuned.core.states import Failure, StopReason, TrialState
from tuned.core.trials.exporting import COLUMNS
from tuned.core.trials.trial import Trial
from tuned.daemon.analyses import study_data
from tuned.daemon.rows import trial_row
from tuned.wire import TrialRow

SET = {"state": TrialState.FAILED, "stop_reason": StopReason.KILL, "failure": Failure.OOM, "retries_used": {"oom": 2},
       "stopped_by": "user"}  # fmt: skip
OF_THE_ROW = {"starts_in_s", "slot", "metrics", "waits_for", "card", "question", "metrics_left", "breaks"}
"""Fields that a list is made with, and no column of the trial."""


def names(kind: Any) -> set[str]:
    return {field.name for field in fields(kind)}


def _other(name: str, value: Any) -> Any:
    """A value of the same kind that no default has."""
    if name in SET:
        return SET[name]
    if isinstance(value, bool):
        return not value
    return f"{name}!" if isinstance(value, str) else 7 if value is None or isinstance(value, int) else 7.5


def test_every_field_is_read_by_its_name(lab: Lab) -> None:
    """A value is written to each column by its name, and comes back as the field of that name."""
    study = lab.study()
    (trial_id,) = lab.queue(study)
    plain = lab.ask(queries.trial_by_id, trial_id)
    own = names(Trial) - {"id", "study_id", "study", "number", "params", "values"}
    wanted = {name: _other(name, getattr(plain, name)) for name in sorted(own)}
    stored = {n: json.dumps(v) if isinstance(v, dict) else getattr(v, "value", v) for n, v in wanted.items()}

    def write(conn: Connection) -> None:
        conn.exec_driver_sql("PRAGMA ignore_check_constraints = ON")  # no real trial has all of these at once
        conn.execute(trials.update().where(trials.c.id == trial_id).values(stored))
        conn.exec_driver_sql("PRAGMA ignore_check_constraints = OFF")

    lab.do(write)
    assert lab.ask(queries.trial_by_id, trial_id) == replace(plain, **wanted)
    assert len(rows.TRIAL_COLUMNS) == len(fields(Trial))


def test_the_wire_and_the_analyses_have_every_field_that_they_name(lab: Lab) -> None:
    (trial_id,) = lab.queue(lab.study())
    trial = replace(lab.ask(queries.trial_by_id, trial_id), values={"loss": float("nan")}, **SET)
    row = trial_row(trial)
    assert names(TrialRow) - names(Trial) == OF_THE_ROW
    for name in names(TrialRow) - OF_THE_ROW - {"values"}:
        assert getattr(row, name) == getattr(trial, name), name
    assert row.values == {"loss": "nan"} and type(row.state) is str
    sent = json.loads(json.dumps(study_data._trial(trial, {}, None, "/runs/1")))
    assert names(TrialData) - set(sent) <= {"rescued", "card"}
    found = _trial({**sent, "rescued": False, "a_field_of_tomorrow": 1})
    for name in names(TrialData) & names(TrialRow) - {"values", "params"}:
        assert getattr(found, name) == getattr(row, name), name
    assert set(COLUMNS) <= names(Trial)
