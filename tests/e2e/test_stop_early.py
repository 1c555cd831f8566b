"""A daemon that is told to stop while its first launcher is still importing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import DaemonProcess

pytestmark = pytest.mark.e2e


def test_what_was_about_to_start_goes_back_into_the_queue(daemon: DaemonProcess, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import tuned\ntuned.current_trial().report(loss=1.0)\n")
    (tmp_path / "slow_to_import.py").write_text("import time\ntime.sleep(600)\n")
    study = {
        "name": "early",
        "run": {"script": "train.py", "preload": ["slow_to_import"], "env": {"PYTHONPATH": str(tmp_path)}},
        "objective": {"metric": "loss", "direction": "minimize"},
        "space": {"x": {"type": "float", "low": 0.0, "high": 1.0}},
        "search": {"method": "sobol", "trials": 3},
    }
    daemon.start()
    daemon.submit(study, tmp_path)
    daemon.wait_state("early", 1, "starting")
    daemon.stop()
    (tmp_path / "slow_to_import.py").write_text("")
    daemon.start()
    assert daemon.wait_ended("early")["counts"] == {"completed": 3}
