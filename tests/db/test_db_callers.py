"""What a caller's trials have used, read from their attempts."""

from __future__ import annotations

import uuid

import pytest

from storage import queries, repository
from storage.writer import CALLER
from tests.db.conftest import NOW, Lab
from tuned.core.study import RunSpec


@pytest.mark.parametrize(
    ("device", "gpus", "hours"),
    [
        ("place:lab/1", 4.0, 4 * 3.0),
        ("place:lab/1", None, 3.0),
        ("GPU-1", 1.0, 4.0),
        ("GPU-1", 0.5, 2.0),
        ("GPU-1,GPU-2", 2.0, 8.0),
        ("cpu:0", None, 4.0),
    ],
)
def test_the_hours_of_a_trial_here_and_in_a_place(lab: Lab, device: str, gpus: float | None, hours: float) -> None:
    """Claimed for four hours, of which it ran three: what waits in an engine's queue holds no card."""
    study = lab.study("s", run=RunSpec("command", command=("true",), gpus=gpus))
    made = [repository.NewTrial({"lr": 0.1, "width": 1}, "sobol")] * 2

    def add(conn):
        conn.info[CALLER] = "agent"
        try:
            return repository.add_trials(conn, study, made, NOW)
        finally:
            conn.info.pop(CALLER)

    one, waits = (lab.trial(study, number).id for number in lab.do(add))
    attempt = lab.do(repository.claim, one, device, uuid.uuid4().hex, "/runs/s/1", NOW)
    lab.do(repository.started, one, attempt, {"supervisor_pid": 4, "supervisor_start": 5}, NOW + 3600)
    if device.startswith("place:"):
        lab.do(repository.claim, waits, "place:lab/2", uuid.uuid4().hex, "/runs/s/2", NOW)
    spent = lab.ask(queries.spent, "agent", NOW + 4 * 3600)
    assert spent.hours == pytest.approx(hours)
