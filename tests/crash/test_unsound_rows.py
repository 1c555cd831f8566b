"""A row of the database that reads, and holds what tuned never wrote: its page was overwritten on the disk."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.crash.lab import Lab
from tests.crash.test_damaged_database import repair, reported
from tests.crash.test_restored_copy import shown
from tests.e2e.conftest import DEADLINE_S, Refusal, wait_until

WORD = b'"minimize"'


def garble(lab: Lab) -> None:
    """Overwrite a word of every specification, where SQLite does not look; the same file, and as long."""
    path = lab.home / "tuned.db"
    data = path.read_bytes()
    assert WORD in data
    with path.open("r+b") as file:
        at = data.find(WORD)
        while at >= 0:
            os.pwrite(file.fileno(), b"\x00\x01", at + 5)
            at = data.find(WORD, at + 1)


def worked_in(lab: Lab) -> str:
    """A study that has ended, in one file without a log beside it, and without a copy."""
    lab.start()
    name = lab.submit(search={"method": "sobol", "trials": 2})
    lab.wait_at_rest(name)
    record = lab.home / "runs" / name / "study.json"
    wait_until(lambda: record.exists() and '"completed"' in record.read_text(), "its record is due")
    return name


def test_a_specification_that_is_no_json_is_told_and_got_over(lab: Lab) -> None:
    name = worked_in(lab)
    trials, lines = shown(lab.daemon.trials(name)), reported(lab, name)
    lab.daemon.stop()
    shutil.rmtree(lab.home / "backups", ignore_errors=True)
    garble(lab)
    lab.launch()
    assert lab.daemon.process is not None
    assert lab.daemon.process.wait(DEADLINE_S) == 1
    said = lab.daemon.log().splitlines()[-1]
    assert "the database is damaged" in said, said
    assert "tunectl daemon recover" in said
    report = repair(lab.home, "recover")
    assert (report["database"], report["studies"]) == ("damaged", 1)
    assert "study_specs" in " ".join(report["steps"])
    lab.start()
    assert shown(lab.daemon.trials(name)) == trials
    assert reported(lab, name) == lines


def test_a_daemon_that_meets_it_says_so_and_can_be_stopped(lab: Lab) -> None:
    name = worked_in(lab)
    lab.daemon.stop()
    lab.start()
    garble(lab)
    lab.daemon.post("/v1/callers", {"name": "someone", "trials": 5})  # from then on readers look at the disk again
    with pytest.raises(Refusal, match="the database is damaged") as refusal:
        lab.daemon.get("/v1/studies")
    assert "tunectl daemon recover" in refusal.value.problem["hint"]
    (alarm,) = lab.daemon.get("/v1/status")["alarms"]
    assert "the database is damaged" in alarm
    acknowledged = {name}
    try:
        body = {"command": ["true"], "cwd": str(lab.base), "environment": {"PATH": os.environ["PATH"]}, "name": "job"}
        acknowledged.add(lab.daemon.post("/v1/commands", body)["study"])
    except Refusal as refused:
        assert "the database is damaged" in refused.problem["detail"]
    lab.daemon.post("/v1/stop", {"stop_trials": False})
    assert lab.daemon.process is not None
    assert lab.daemon.process.wait(DEADLINE_S) == 0
    repair(lab.home, "recover")
    lab.start()
    assert {study["name"] for study in lab.daemon.get("/v1/studies")} == acknowledged
