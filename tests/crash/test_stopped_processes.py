"""SIGSTOP of launcher or supervisor, by a person or a job control: what was acknowledged happens all the same."""

from __future__ import annotations

import os
import shutil
import signal

import psutil
import pytest

from tests.crash.lab import Lab


def stop(lab: Lab, kind: str) -> list[int]:
    pids = [process.pid for process in lab.of_kind(kind)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    return pids


@pytest.fixture
def held(lab: Lab) -> str:
    """A study of one trial, which runs and is held."""
    lab.start()
    name = lab.submit(hold=True, search={"method": "sobol", "trials": 1})
    lab.daemon.wait_state(name, 1, "running")
    lab.daemon.until(lambda: lab.daemon.trials(name)[0]["last_step"] is not None, "it reports")
    return name


def test_a_stopped_supervisor_is_woken_for_what_it_was_told(lab: Lab, held: str) -> None:
    assert stop(lab, "supervisor")
    lab.daemon.post("/v1/cancel", {"targets": [f"{held}/1"]})
    lab.daemon.wait_state(held, 1, "cancelled")
    lab.release(held)
    assert "was stopped by somebody, and is woken" in lab.daemon.log()
    lab.wait_at_rest(held)
    lab.invariants.check(at_rest=True)


def test_a_stopped_supervisor_freezes_and_thaws(lab: Lab, held: str) -> None:
    stop(lab, "supervisor")
    lab.daemon.post("/v1/pause", {"targets": [f"{held}/1"], "level": "freeze"})
    lab.daemon.until(lambda: lab.frozen(held, 1), "it does not stand still")
    stop(lab, "supervisor")
    lab.daemon.post("/v1/resume", {"targets": [f"{held}/1"]})
    lab.daemon.until(lambda: not lab.frozen(held, 1), "it does not move")
    lab.release(held)
    assert lab.daemon.wait_state(held, 1, "completed")["attempt"] == 1
    lab.wait_at_rest(held)
    lab.invariants.check(at_rest=True)


def test_a_trial_whose_folder_was_removed_stands_still_and_is_killed_all_the_same(lab: Lab, held: str) -> None:
    [trial] = (psutil.Process(process.pid) for process in lab.of_kind("trial"))
    shutil.rmtree(lab.daemon.home / "runs" / held / "1" / "1")
    lab.daemon.post("/v1/pause", {"targets": [f"{held}/1"], "level": "freeze"})
    lab.daemon.until(lambda: trial.status() == psutil.STATUS_STOPPED, "it does not stand still")
    lab.daemon.post("/v1/kill", {"targets": [f"{held}/1"]})
    assert lab.daemon.wait_state(held, 1, "failed")["failure"] == "killed"
    assert not trial.is_running()


def test_a_stopped_launcher_is_woken(lab: Lab, held: str) -> None:
    launchers = stop(lab, "launcher")
    assert launchers
    again = lab.submit(search={"method": "sobol", "trials": 1})
    lab.wait_at_rest(again)
    assert lab.daemon.study(again)["counts"] == {"completed": 1}
    lab.release(held)
    lab.wait_at_rest(held)
    lab.invariants.check(at_rest=True)
