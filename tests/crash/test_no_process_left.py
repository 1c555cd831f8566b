"""A machine that has no process to give for a while: trials wait for it with the reason, and none fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.crash.lab import Lab
from tests.e2e.conftest import Refusal, wait_until

# Run by the launcher's interpreter, as `site` runs it: forks, or threads, fail there as long as a file exists.
SCARCE = """
import errno, os, pathlib, threading
_fork, _start = os.fork, threading.Thread.start
def fork():
    if pathlib.Path({flag!r}).exists():
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    return _fork()
def start(thread):
    if pathlib.Path({flag!r}).exists():
        raise RuntimeError("can't start new thread")
    _start(thread)
os.fork, threading.Thread.start = fork, start
"""
THREADED = """
import threading
thread = threading.Thread(target=int)
thread.start()
thread.join()
"""
NATIVE = """
import os, pathlib
if pathlib.Path({flag!r}).exists():
    os.write(2, b"  what():  Resource temporarily unavailable\\n")
    os.abort()
"""
FORKS = """
import os, resource, tuned
tuned.current_trial()
if os.getuid() == 0:
    os.setuid(65534)  # no limit holds for root
resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
os.fork()
"""


def reason(lab: Lab, target: str) -> Any:
    """Why it is in its state, as `tunectl why` tells."""
    command = [sys.executable, "-m", "tuned.cli", "why", target, "--json"]
    done = subprocess.run(command, env={**os.environ, "TUNED_HOME": str(lab.home)}, capture_output=True, check=True)
    return next(reason for reason in json.loads(done.stdout)["reasons"] if reason["about"] == "state")


@pytest.mark.parametrize(
    "lacks", ["the fork of a supervisor", "the fork of the preload's probe", "a thread", "a library's own thread"]
)
def test_trials_wait_for_a_process_and_the_study_stays_warm(lab: Lab, lacks: str) -> None:
    flag = lab.base / "scarce"
    (lab.base / "sitecustomize.py").write_text(SCARCE.format(flag=str(flag)))
    (lab.base / "threaded.py").write_text(THREADED)
    lab.start()
    (lab.base / "native.py").write_text(NATIVE.format(flag=str(flag)))
    preload = {"a thread": ["threaded"], "a library's own thread": ["native"]}.get(lacks, [])
    run = {"script": "train.py", "preload": preload, "python": sys.executable, "env": {"PYTHONPATH": str(lab.base)}}
    search = {"method": "sobol", "trials": 3, "parallel": 3}
    if lacks == "the fork of a supervisor":
        lab.wait_at_rest(lab.submit(run=run, search=search))
    flag.touch()
    name = lab.submit(run=run, search=search)
    why = "can't start new thread" if lacks == "a thread" else "Resource temporarily unavailable"
    lab.daemon.until(lambda: any(why in note for note in lab.daemon.get("/v1/status")["notes"]), "it is not said")
    # Everywhere that a person looks, and without a gap between two tries, however often it is asked.
    lab.daemon.until(lambda: why in lab.daemon.get(f"/v1/studies/{name}/trials/1")["waits_for"], "show tells")
    asked = []

    def tried_again() -> bool:
        asked.append(lab.daemon.get(f"/v1/studies/{name}/trials/1")["waits_for"])
        asked.append(lab.daemon.study(name)["note"])
        asked.append(" ".join(lab.daemon.get("/v1/status")["alarms"]))
        return lab.daemon.log().count(f"{name}/1 could not be started") > 1

    lab.daemon.until(tried_again, "it is tried again")
    assert [words for words in asked if "launching is paused" not in words] == []
    study = lab.daemon.study(name)
    assert study["state"] == "running"
    assert set(study["counts"]) <= {"queued", "starting"}
    for target in (f"{name}/1", name):
        assert reason(lab, target)["code"] == "waits.daemon"
    flag.unlink()
    lab.wait_at_rest(name)
    assert lab.daemon.study(name)["counts"] == {"completed": 3}
    # Still forked, not cold ever after.
    modes = {lab.daemon.get(f"/v1/studies/{name}/trials/{n}")["attempts"][-1]["mode"] for n in (1, 2, 3)}
    assert modes == {"warm"}
    assert lab.daemon.study(name)["note"] == ""
    lab.invariants.check(at_rest=True)


def test_a_submission_that_finds_no_process_says_so_and_names_no_other_python(lab: Lab) -> None:
    lab.start()
    lab.fail("fork interpreter EAGAIN")
    with pytest.raises(Refusal, match="cannot be executed now: Resource temporarily unavailable") as refusal:
        lab.submit(search={"method": "sobol", "trials": 1})
    assert refusal.value.status == 503
    assert "no process, memory or descriptor to give now" in refusal.value.problem["hint"]
    lab.fail()
    lab.send()
    lab.wait_at_rest(lab.content["name"])


def test_a_supervisor_that_finds_no_process_for_its_trial_waits_in_the_same_attempt(lab: Lab) -> None:
    lab.start()
    lab.fail("fork trial EAGAIN")
    search = {"method": "sobol", "trials": 2, "parallel": 2}
    run = {"script": "train.py", "preload": [], "retries": {"lost": 0, "error": 0}}
    name = lab.submit(search=search, run=run, hold=True)
    logs = [lab.home / f"runs/{name}/{number}/1/output.log" for number in (1, 2)]
    why = "the machine has no process to give: Resource temporarily unavailable"
    wait_until(lambda: all(log.exists() and why in log.read_text() for log in logs), "it is said")
    lab.daemon.until(lambda: f"2 trials cannot begin: {why}" in lab.daemon.get("/v1/status")["alarms"], "status tells")
    assert lab.daemon.get(f"/v1/studies/{name}/trials/1")["waits_for"] == why
    for target in (f"{name}/1", name):
        assert why in reason(lab, target)["evidence"]
    lab.daemon.post("/v1/cancel", {"targets": [f"{name}/1"]})
    lab.daemon.wait_state(name, 1, "cancelled")
    lab.kill("daemon")
    lab.restart()
    # The second one, and maybe the one that takes the place of the first.
    lab.daemon.until(
        lambda: any(f"cannot begin: {why}" in alarm for alarm in lab.daemon.get("/v1/status")["alarms"]),
        "the next daemon, too",
    )
    lab.fail()
    assert lab.daemon.wait_state(name, 2, "running")["waits_for"] == ""
    lab.release(name)
    lab.wait_at_rest(name)
    states = [(trial["state"], trial["attempt"]) for trial in lab.daemon.trials(name)[:2]]
    assert states == [("cancelled", 1), ("completed", 1)]
    assert not list(lab.home.glob("runs/*/2/1/wait.json"))
    assert lab.daemon.get("/v1/status")["alarms"] == []
    assert lab.journal.read_text().split().count("overlap") == 0
    lab.invariants.check(at_rest=True)


def test_a_fork_that_fails_in_the_users_code_is_the_trials_failure(lab: Lab) -> None:
    (lab.base / "forks.py").write_text(FORKS)
    lab.start()
    run = {"script": "forks.py", "args": ["{params}"], "preload": [], "retries": {"error": 0, "lost": 0}}
    name = lab.submit(run=run, search={"method": "sobol", "trials": 1})
    trial = lab.daemon.wait_state(name, 1, "failed")
    assert (trial["failure"], trial["attempt"]) == ("error", 1)
    assert "Resource temporarily unavailable" in trial["reason"]
    assert lab.daemon.get("/v1/status")["alarms"] == []
