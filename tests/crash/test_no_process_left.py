"""A machine that has no process to give for a while: trials wait for it with the reason, and none fails."""

from __future__ import annotations

import sys

import pytest

from tests.crash.lab import Lab
from tests.e2e.conftest import Refusal, wait_until

# Run by the launcher's interpreter, as `site` runs it: fork fails there as long as a file exists.
NO_FORK = """
import errno, os, pathlib
_fork = os.fork
def fork():
    if pathlib.Path({flag!r}).exists():
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    return _fork()
os.fork = fork
"""


@pytest.mark.parametrize("ready", [True, False])
def test_trials_wait_for_a_process_and_the_study_stays_warm(lab: Lab, ready: bool) -> None:
    flag = lab.base / "no-fork"
    (lab.base / "sitecustomize.py").write_text(NO_FORK.format(flag=str(flag)))
    lab.start()
    run = {"script": "train.py", "preload": [], "python": sys.executable, "env": {"PYTHONPATH": str(lab.base)}}
    search = {"method": "sobol", "trials": 3, "parallel": 3}
    if ready:
        # A launcher that has forked before, and one that cannot even try its preload.
        lab.wait_at_rest(lab.submit(run=run, search=search))
    flag.touch()
    name = lab.submit(run=run, search=search)
    why = "Resource temporarily unavailable"
    lab.daemon.until(lambda: any(why in note for note in lab.daemon.get("/v1/status")["notes"]), "it is not said")
    study = lab.daemon.study(name)
    assert study["state"] == "running"
    assert set(study["counts"]) <= {"queued", "starting"}
    flag.unlink()
    lab.wait_at_rest(name)
    assert lab.daemon.study(name)["counts"] == {"completed": 3}
    # Still forked, not cold ever after.
    modes = {lab.daemon.get(f"/v1/studies/{name}/trials/{n}")["attempts"][-1]["mode"] for n in (1, 2, 3)}
    assert modes == {"warm"}
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
    name = lab.submit(search=search, run={"script": "train.py", "preload": [], "retries": {"lost": 0, "error": 0}})
    logs = [lab.home / f"runs/{name}/{number}/1/output.log" for number in (1, 2)]
    why = "the trial waits for a process: Resource temporarily unavailable"
    wait_until(lambda: all(log.exists() and why in log.read_text() for log in logs), "it is said")
    lab.daemon.post("/v1/cancel", {"targets": [f"{name}/1"]})
    lab.daemon.wait_state(name, 1, "cancelled")
    lab.kill("daemon")
    lab.fail()
    lab.restart()
    lab.wait_at_rest(name)
    states = [(trial["state"], trial["attempt"]) for trial in lab.daemon.trials(name)[:2]]
    assert states == [("cancelled", 1), ("completed", 1)]
    assert lab.journal.read_text().split().count("overlap") == 0
    lab.invariants.check(at_rest=True)
