"""Slots do not wait for a model that is late: quasi-random points fill them, within the study's size."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import DaemonProcess

pytestmark = pytest.mark.e2e

STUDY = {
    "name": "quick",
    "run": {"script": "train.py"},
    "objective": {"metric": "loss", "direction": "minimize"},
    "space": {"x": {"type": "float", "low": 0.0, "high": 1.0}, "y": {"type": "float", "low": 0.0, "high": 1.0}},
    "search": {"method": "bayesian", "trials": 25, "seed": 3},
}


def test_a_dead_advisor_does_not_hold_up_the_study(daemon: DaemonProcess, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(
        "import tuned\ntrial = tuned.current_trial()\ntrial.report(loss=trial.params['x'] + trial.params['y'])\n"
    )
    daemon.start()
    daemon.submit(STUDY, tmp_path)
    # Frozen, so that it hangs for as long as this study lasts; a busy machine starts it a moment after the reply.
    found = daemon.until(lambda: [p for p in Path("/proc").iterdir() if _is_advisor_of(p, daemon)], "no advisor starts")
    for entry in found:
        os.kill(int(entry.name), signal.SIGSTOP)
    ended = daemon.wait_ended("quick")
    assert ended["counts"] == {"completed": 25}
    origins = [trial["origin"] for trial in daemon.trials("quick")]
    assert origins[0] == "sobol"
    assert "fallback" in origins
    late = next(t for t in daemon.trials("quick") if t["origin"] == "fallback")
    assert "advisor" in late["why"]


def _is_advisor_of(entry: Path, daemon: DaemonProcess) -> bool:
    assert daemon.process is not None
    if not entry.name.isdigit():
        return False
    try:
        parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
        return int(parent) == daemon.process.pid and b"tuned.advisor" in (entry / "cmdline").read_bytes()
    except OSError:
        return False
