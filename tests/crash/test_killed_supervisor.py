"""A supervisor that was killed, over what its trial left and did: processes that hide, and a lock that is none."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from tests.crash.lab import Lab

# A grandchild with a session of its own and an empty environment; its parent, which hides in a session too, may end.
HIDING = """
import os, pathlib, subprocess, sys, time
import tuned
trial = tuned.current_trial()
trial.report(step=0, loss=1.0)
quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
if trial.attempt == 1:
    {act}
    subprocess.Popen([sys.executable, "parent.py"], **quiet)
    while True:
        time.sleep(0.01)
"""
PARENT = """
import subprocess, sys
quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], env={{}}, **quiet)
open("child", "w").write(str(child.pid))
if {waits}:
    child.wait()
"""


def lives(pid: int) -> bool:
    """A zombie does not: nobody collects orphans in some containers."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def running(lab: Lab, act: str, *, waits: bool = True) -> tuple[str, int]:
    lab.start()
    (lab.base / "hiding.py").write_text(HIDING.format(act=act))
    (lab.base / "parent.py").write_text(PARENT.format(waits=waits))
    run = {"script": "hiding.py", "preload": [], "retries": {"lost": 1}}
    name = lab.submit(run=run, search={"method": "sobol", "trials": 1})
    child = lab.base / "child"
    lab.daemon.until(lambda: child.exists() and child.read_text(), "the trial does not come so far")
    return name, int(child.read_text())


@pytest.mark.parametrize(
    ("waits", "killed"),
    [(True, ["supervisor"]), (False, ["supervisor"]), (False, ["daemon", "launcher", "supervisor", "trial"])],
    ids=["with its parent", "without an ancestor", "everything killed at once"],
)
def test_processes_of_their_own_session_and_without_environment_end_too(
    lab: Lab, waits: bool, killed: list[str]
) -> None:
    name, child = running(lab, "pass", waits=waits)
    parent = Path(f"/proc/{child}/stat")
    own = waits or lab.daemon.until(
        lambda: parent.read_text().rpartition(")")[2].split()[1] in {str(p.pid) for p in lab.of_kind("supervisor")},
        "its parent ends",
    )
    assert own and lives(child)
    lab.kill(*killed)
    if "daemon" in killed:
        lab.restart()
    lab.wait_at_rest(name)
    assert [a["ended_by"] for a in lab.daemon.get(f"/v1/studies/{name}/trials/1")["attempts"]] == ["retry", "exit_ok"]
    assert not lives(child)


def test_a_lock_that_was_replaced_by_a_folder_holds_no_slot(lab: Lab) -> None:
    name, child = running(lab, "lock = pathlib.Path(os.environ['TUNED_RUN_DIR'], 'lock'); lock.unlink(); lock.mkdir()")
    lab.kill("daemon")
    lab.restart()
    lab.daemon.until(lambda: "adopting 1" in lab.daemon.log(), "it is adopted")
    assert lab.daemon.trials(name)[0]["attempt"] == 1
    start = json.loads((lab.home / f"runs/{name}/1/1/start.json").read_text())
    os.kill(start["supervisor_pid"], signal.SIGKILL)
    lab.wait_at_rest(name)
    assert lab.daemon.study(name)["counts"] == {"completed": 1}
    assert not lives(child)
