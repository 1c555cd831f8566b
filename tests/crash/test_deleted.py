"""A daemon killed right after a deletion, whose record-keeper had written the study's record behind the move."""

from __future__ import annotations

import shutil

import pytest

from tests.crash.lab import Lab
from tests.e2e.conftest import Refusal, wait_until


@pytest.mark.parametrize("others", [True, False], ids=["among others", "the last one"])
def test_a_deleted_study_does_not_come_back(lab: Lab, others: bool) -> None:
    lab.start()
    if others:
        lab.wait_at_rest(lab.submit())
    name = lab.submit(hold=True, search={"method": "sobol", "trials": 6})
    lab.daemon.wait_state(name, 1, "running")
    lab.daemon.post("/v1/pause", {"targets": [name]})
    lab.release(name)
    lab.daemon.until(lambda: not lab.of_kind("trial"), "they end")
    delete_and_die(lab, name)
    lab.restart()
    assert name not in [study["name"] for study in lab.daemon.get("/v1/studies")]
    assert lab.daemon.get("/v1/status")["notes"] == []
    assert not (lab.home / "runs" / name).exists()


def test_the_next_study_of_its_name_stays(lab: Lab) -> None:
    lab.start()
    name = lab.submit()
    lab.wait_at_rest(name)
    record = delete_and_die(lab, name)
    lab.restart()
    lab.content["search"]["trials"] = 2
    lab.send()
    lab.wait_at_rest(name)
    lab.kill("daemon")
    shutil.rmtree(lab.home / "runs" / name)
    write(lab, name, record)
    lab.restart()
    assert lab.daemon.study(name)["counts"] == {"completed": 2}
    wait_until((lab.home / "runs" / name / "study.json").exists, "it has its own record")


def delete_and_die(lab: Lab, name: str) -> str:
    """Delete a study, kill the daemon, and leave the record as a keeper does that was on its way meanwhile."""
    file = lab.home / "runs" / name / "study.json"
    wait_until(file.exists, "it has its record")
    record = file.read_text()
    wait_until(lambda: deleted(lab, name), "it can be deleted")
    wait_until(lambda: not file.parent.exists(), "its folder has gone")
    lab.kill("daemon")
    write(lab, name, record)
    return record


def deleted(lab: Lab, name: str) -> bool:
    try:
        lab.daemon.delete(f"/v1/studies/{name}")
    except Refusal:
        return False
    return True


def write(lab: Lab, name: str, record: str) -> None:
    (lab.home / "runs" / name).mkdir()
    (lab.home / "runs" / name / "study.json").write_text(record)
