"""Run directories that are read back give what was known before: the same values, ends and observations."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.crash.invariants import Invariants
from tests.crash.lab import Lab
from tests.crash.test_damaged_database import repair, reported
from tests.crash.test_restored_copy import copy_of, restore, shown
from tests.e2e.conftest import wait_until

WAYS = ("rebuild", "recover", "older copy")

TAIL = """
import os, sys, tuned
trial = tuned.current_trial()
again = os.environ["TUNED_RUN_DIR"].endswith("/2")
trial.report(step=0, loss=1.0)
with open(os.environ["TUNED_RUN_DIR"] + "/metrics.jsonl", "a") as file:
    file.write('{"step": 1, "loss": %s}' % (trial.params["x"] if again else 0.75))
if trial.params["how"] == "again" and not again:
    sys.exit("in vain")
"""


def read_back(lab: Lab, way: str, copy: Path) -> None:
    """End the daemon, have the run directories read, start the next one."""
    lab.daemon.stop()
    if way == "older copy":
        restore(lab, copy)
    else:
        if way == "recover":
            for path in lab.home.glob("tuned.db*"):
                path.unlink()
            shutil.rmtree(lab.home / "backups", ignore_errors=True)
        repair(lab.home, way)
        lab.invariants = Invariants(lab.home, lab.journal)
    lab.start()


def older_copy(lab: Lab) -> Path:
    """A copy of the database in which another study has ended, and nothing is known of the next one."""
    lab.wait_at_rest(lab.submit(search={"method": "sobol", "trials": 1}))
    return copy_of(lab)


def wait_recorded(lab: Lab, name: str) -> None:
    record = lab.home / "runs" / name / "study.json"
    wait_until(lambda: record.exists() and json.loads(record.read_text())["state"] == "completed", "its record is due")


@pytest.mark.parametrize("way", WAYS)
def test_a_last_line_without_a_newline_counts_however_it_is_read(lab: Lab, way: str) -> None:
    """Of an attempt that was the trial's last, and of one that was followed by another."""
    (lab.base / "tail.py").write_text(TAIL)
    lab.start()
    copy = older_copy(lab)
    name = lab.submit(
        run={"script": "tail.py", "preload": [], "retries": {"error": 1}},
        space={"how": ["once", "again"], "x": {"type": "fixed", "value": 0.5}},
        search={"method": "grid"},
    )
    lab.wait_at_rest(name)
    wait_recorded(lab, name)
    trials, lines = shown(lab.daemon.trials(name)), reported(lab, name)
    assert sorted(trial["values"]["loss"] for trial in trials) == [0.5, 0.75]
    assert sorted(value for *_, value in lines) == ["0.5", "0.75", "0.75", "1.0", "1.0", "1.0"]
    read_back(lab, way, copy)
    assert shown(lab.daemon.trials(name)) == trials
    assert reported(lab, name) == lines
    lab.invariants.check(at_rest=True)


def end_elsewhere(lab: Lab) -> tuple[str, Path]:
    """A study whose only trial ended while something lay in the way of its exit record, and where that lies."""
    name = lab.submit(hold=True, search={"method": "sobol", "trials": 1})
    lab.daemon.wait_state(name, 1, "running")
    in_the_way = lab.home / "runs" / name / "1" / "1" / "exit.json"
    (in_the_way / "file").mkdir(parents=True)
    lab.release(name)
    lab.wait_at_rest(name)
    wait_recorded(lab, name)
    return name, in_the_way


@pytest.mark.parametrize("way", ["rebuild", "older copy"])
def test_an_end_in_the_second_place_is_read_back(lab: Lab, way: str) -> None:
    lab.start()
    copy = older_copy(lab)
    name, in_the_way = end_elsewhere(lab)
    trials = shown(lab.daemon.trials(name))
    read_back(lab, way, copy)
    assert shown(lab.daemon.trials(name)) == trials
    assert lab.daemon.study(name)["state"] == "completed"
    (kept,) = (lab.home / "exits").glob("*.json")
    shutil.rmtree(in_the_way)
    lab.daemon.stop()
    lab.start()
    wait_until(lambda: in_the_way.is_file() and not kept.exists(), "its run directory has it")
    lab.invariants.check(at_rest=True)


def test_an_end_in_the_second_place_goes_with_its_study(lab: Lab) -> None:
    lab.start()
    name, _ = end_elsewhere(lab)
    other, _ = end_elsewhere(lab)
    assert len(list((lab.home / "exits").glob("*.json"))) == 2
    lab.daemon.delete(f"/v1/studies/{name}")
    (kept,) = (lab.home / "exits").glob("*.json")
    spec = json.loads((lab.home / "runs" / other / "1" / "1" / "spec.json").read_text())
    assert kept.stem == spec["attempt_id"]


def test_a_completed_study_whose_trial_has_lost_its_end_goes_on(lab: Lab) -> None:
    lab.start()
    copy = older_copy(lab)
    name, in_the_way = end_elsewhere(lab)
    for kept in (lab.home / "exits").glob("*.json"):
        kept.unlink()
    shutil.rmtree(in_the_way)
    read_back(lab, "rebuild", copy)
    wait_until(lambda: lab.daemon.trials(name)[0]["attempt"] == 2, "it is tried again")
    lab.wait_at_rest(name)
    assert lab.daemon.trials(name)[0]["state"] == "completed"
