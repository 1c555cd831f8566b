"""Decisions that were acknowledged hold, whatever dies right after."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from storage import repository
from storage.engine import open_database
from tests.crash.lab import Lab
from tests.patience import DEADLINE_S
from tuned.core.states import Actor, StopReason

OUTCOMES = {"cancel": "cancelled", "prune": "pruned", "pause": "paused", "kill": "failed"}


@pytest.mark.parametrize("verb", OUTCOMES)
@pytest.mark.parametrize("stage", ["claim.committed", "directory.created", "launch.asked"])
def test_of_a_trial_that_was_being_started(shared_lab: Lab, verb: str, stage: str) -> None:
    """The attempt is cut off before it began; a daemon that comes after is told what was decided in between."""
    lab = shared_lab
    name = lab.study(hold=True, search={"method": "sobol", "trials": 1})
    lab.arm(stage)
    lab.in_background(lab.send)
    lab.wait_parked(stage)
    lab.kill("daemon", "launcher")
    decide(lab, f"{name}/1", verb)
    lab.restart()
    trial = lab.daemon.wait_state(name, 1, OUTCOMES[verb])
    assert trial["attempt"] == 1
    after(lab, name, verb)


@pytest.mark.parametrize("verb", OUTCOMES)
def test_of_a_trial_whose_supervisor_was_killed(shared_lab: Lab, verb: str) -> None:
    lab = shared_lab
    name = lab.submit(hold=True, search={"method": "sobol", "trials": 1})
    lab.daemon.wait_state(name, 1, "running")
    lab.arm("stop.committed")
    how = {"level": "restart"} if verb == "pause" else {}
    lab.in_background(lambda: lab.daemon.post(f"/v1/{verb}", {"targets": [f"{name}/1"], **how}))
    lab.wait_parked("stop.committed")
    lab.kill("daemon", "supervisor")
    lab.restart()
    trial = lab.daemon.wait_state(name, 1, OUTCOMES[verb])
    assert trial["attempt"] == 1
    after(lab, name, verb)


def test_a_trial_that_was_to_stand_still_does_so_under_the_next_daemon(shared_lab: Lab) -> None:
    lab = shared_lab
    name = lab.submit(hold=True, search={"method": "sobol", "trials": 1})
    lab.daemon.wait_state(name, 1, "running")
    pid = json.loads((lab.home / f"runs/{name}/1/1/start.json").read_text())["pid"]

    def state() -> str:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]

    lab.arm("stop.committed")
    lab.in_background(lambda: lab.daemon.post("/v1/pause", {"targets": [f"{name}/1"], "level": "freeze"}))
    lab.wait_parked("stop.committed")
    lab.kill("daemon")
    assert state() != "T"
    lab.restart()
    lab.daemon.until(lambda: state() == "T", "it moves")
    lab.invariants.check()
    lab.release(name)
    lab.daemon.post("/v1/resume", {"targets": [f"{name}/1"]})
    assert lab.daemon.wait_state(name, 1, "completed")["attempt"] == 1
    lab.wait_at_rest(name)
    lab.invariants.check()
    lab.sound = True


def decide(lab: Lab, target: str, verb: str) -> None:
    """Commit a decision about a trial as a daemon does that dies before it can do anything about it."""
    study, _, number = target.partition("/")
    database = open_database(lab.home / "tuned.db")
    try:
        with database.read() as conn:
            (trial_id,) = conn.exec_driver_sql(
                "SELECT t.id FROM trials t JOIN studies s ON s.id = t.study_id WHERE s.name = ? AND t.number = ?",
                (study, int(number)),
            ).one()
        database.writer.submit(
            lambda conn: repository.set_intent(conn, trial_id, StopReason(verb), Actor.USER, 1.0)
        ).result(DEADLINE_S)
    finally:
        database.close()


def after(lab: Lab, name: str, verb: str) -> None:
    lab.release(name)
    if verb == "pause":
        lab.daemon.post("/v1/resume", {"targets": [f"{name}/1"]})
        lab.daemon.wait_state(name, 1, "completed")
    lab.invariants.check()
    lab.wait_at_rest(name)
    lab.invariants.check()
    lab.sound = True
