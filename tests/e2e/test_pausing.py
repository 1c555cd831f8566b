"""Trials that stand still: frozen by `pause`, over a restart of the daemon, until they are resumed or ended."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import DaemonProcess

pytestmark = pytest.mark.e2e

SCRIPT = """
    import pathlib, subprocess, sys, time
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    pathlib.Path(f"child-{sys.argv[1]}").write_text(str(child.pid))
    while not pathlib.Path("go").exists():
        time.sleep(0.01)
    child.kill()
    print("loss 0.5")
"""


def study(**over: Any) -> dict[str, Any]:
    return {
        "name": "still",
        "run": {"script": "train.py", "args": ["{number}", "{x}"]},
        "metrics": {"patterns": [r"loss (?P<loss>\S+)"]},
        "objective": {"metric": "loss", "direction": "minimize"},
        "space": {"x": {"type": "float", "low": 0.0, "high": 1.0}},
        "search": {"method": "sobol", "trials": 2},
        **over,
    }


def state_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "gone"


def test_frozen_over_a_restart_and_thawed(daemon: DaemonProcess, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(textwrap.dedent(SCRIPT))
    daemon.start()
    daemon.submit(study(), tmp_path)
    pids = []
    for number in (1, 2):
        daemon.wait_state("still", number, "running")
        child = tmp_path / f"child-{number}"
        daemon.until(lambda child=child: child.exists() and child.read_text(), "its child")
        start = json.loads((daemon.home / f"runs/still/{number}/1/start.json").read_text())
        pids.append((start["pid"], int(child.read_text())))
    with pytest.raises(Exception, match="runs on no GPU"):
        daemon.post("/v1/pause", {"targets": ["still/1"], "level": "cuda"})
    with pytest.raises(Exception, match="neither save on request nor go on later"):
        daemon.post("/v1/pause", {"targets": ["still/1"], "level": "checkpoint"})
    said = daemon.post("/v1/pause", {"targets": ["still/1-2"]})
    assert said["changed"] == ["still/1", "still/2"]
    assert said["effects"][0].startswith("still/1: freeze: keeps everything")
    for pid in (*pids[0], *pids[1]):
        daemon.until(lambda pid=pid: state_of(pid) == "T", f"{pid} does not stand still")
    assert [(t["state"], t["frozen"]) for t in daemon.trials("still")] == [("running", True)] * 2

    (tmp_path / "go").touch()
    daemon.kill()
    daemon.start()
    assert all(state_of(pid) == "T" for pair in pids for pid in pair)
    daemon.post("/v1/resume", {"targets": ["still/1"]})
    ended = daemon.wait_state("still", 1, "completed")
    assert (ended["attempt"], ended["frozen"], ended["values"]) == (1, False, {"loss": 0.5})
    assert state_of(pids[1][0]) == "T"
    # To be ended it has to move again.
    daemon.post("/v1/cancel", {"targets": ["still/2"]})
    daemon.wait_state("still", 2, "cancelled")
    daemon.until(lambda: state_of(pids[1][1]) in ("gone", "Z"), "its child is left")
