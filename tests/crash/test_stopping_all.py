"""`daemon stop --stop-trials` that is cut off: the wish is in the database, and the next daemon carries it on."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.crash.lab import Lab
from tests.e2e.conftest import DEADLINE_S

SLOW_SAVE = """
import pathlib, time, tuned
trial = tuned.current_trial()
saved = pathlib.Path(trial.checkpoint_dir) / 'saved'
trial.report(step=0, loss=1.0)
while not saved.exists() and not trial.should_stop(): time.sleep(0.01)
pathlib.Path(f'saving-{trial.number}').touch()
while pathlib.Path('hold-save').exists(): time.sleep(0.01)
saved.touch()
"""


@pytest.mark.parametrize("point", ["stop.committed", "exit.seen"])
def test_trials_that_were_being_stopped_run_on_under_the_next_daemon(lab: Lab, point: str) -> None:
    lab.start()
    name = lab.submit(hold=True)
    for number in (1, 2):
        lab.daemon.wait_state(name, number, "running")
    lab.daemon.until(lambda: all(t["last_step"] is not None for t in lab.daemon.trials(name)[:2]), "they report")
    lab.arm(point)
    lab.in_background(lambda: lab.daemon.post("/v1/stop", {"stop_trials": True}))
    lab.wait_parked(point)
    lab.kill("daemon")
    lab.restart()
    for number in (1, 2):
        lab.daemon.until(lambda n=number: lab.daemon.trials(name)[n - 1]["attempt"] == 2, f"{number} is not run on")
    lab.release(name)
    lab.wait_at_rest(name)
    assert lab.daemon.study(name)["counts"] == {"completed": 4}
    lab.invariants.check(at_rest=True)


def test_the_client_says_what_runs_on_where_the_daemon_is_killed_meanwhile(lab: Lab) -> None:
    lab.start()
    (lab.base / "slow.py").write_text(SLOW_SAVE)
    (lab.base / "hold-save").touch()
    run = {"script": "slow.py", "preload": [], "grace": "600s"}
    name = lab.submit(run=run, search={"method": "sobol", "trials": 1})
    lab.daemon.until(lambda: lab.daemon.trials(name)[0]["last_step"] is not None, "it reports")
    command = [sys.executable, "-I", "-m", "tuned.cli", "daemon", "stop", "--stop-trials"]
    environment = {**os.environ, "TUNED_HOME": str(lab.home)}
    client = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lab.daemon.until((lab.base / "saving-1").exists, "it is not told to stop")
    lab.kill("daemon")
    out, said = client.communicate()
    assert (client.returncode, out) == (1, "")
    assert f"the daemon ended unexpectedly: {name}/1 still runs" in said
    assert "tunectl daemon start" in said
    (lab.base / "hold-save").unlink()
    lab.restart()
    lab.wait_at_rest(name)
    assert lab.daemon.trials(name)[0]["attempt"] == 2


def test_a_trial_that_a_person_paused_stays_paused_and_a_slow_save_gets_its_grace(lab: Lab) -> None:
    lab.start()
    run = {"script": "slow.py", "preload": [], "grace": "60s"}
    (lab.base / "slow.py").write_text(SLOW_SAVE)
    (lab.base / "hold-save").touch()
    name = lab.submit(run=run, search={"method": "sobol", "trials": 2, "parallel": 2})
    for number in (1, 2):
        lab.daemon.wait_state(name, number, "running")
    lab.daemon.until(lambda: all(t["last_step"] is not None for t in lab.daemon.trials(name)), "they report")
    lab.daemon.post("/v1/pause", {"targets": [f"{name}/1"], "level": "checkpoint"})
    lab.in_background(lambda: lab.daemon.post("/v1/stop", {"stop_trials": True}))
    lab.daemon.until((lab.base / "saving-2").exists, "it is not told to stop")
    assert lab.daemon.process is not None
    assert lab.daemon.process.poll() is None
    (lab.base / "hold-save").unlink()
    assert lab.daemon.process.wait(DEADLINE_S) == 0
    lab.start()
    assert lab.daemon.wait_state(name, 2, "completed")["attempt"] == 2
    assert lab.daemon.trials(name)[0]["state"] == "paused"
