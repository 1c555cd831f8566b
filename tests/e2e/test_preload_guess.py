"""The first trial of a script finds imported what the script says it imports; whoever is killed meanwhile gets on."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tuned.protocol import process_start_time

if TYPE_CHECKING:
    from conftest import DaemonProcess

pytestmark = pytest.mark.e2e

# Stands for a library that takes long to import: in a launcher, as long as a file is there; in a trial no time at all.
LIBRARY = """
    import os, pathlib, time
    if "TUNED_ATTEMPT" not in os.environ:
        (pathlib.Path({base!r}) / "importing").write_text(str(os.getpid()))
        while (pathlib.Path({base!r}) / "slow").exists():
            time.sleep(0.01)
        if (pathlib.Path({base!r}) / "broken").exists():
            os._exit(3)
    class version:
        cuda = hip = "none"
    def manual_seed(seed): pass
"""
SCRIPT = """
    import sys
    ahead = "torch" in sys.modules
    import torch, tuned
    tuned.current_trial().report(loss=float(ahead))
"""


def study(name: str, base: Path) -> dict[str, Any]:
    (base / f"{name}.py").write_text(textwrap.dedent(SCRIPT))
    return {
        "name": name,
        "run": {"script": f"{name}.py", "python": sys.executable, "env": {"PYTHONPATH": str(base / "library")}},
        "objective": {"metric": "loss", "direction": "minimize"},
        "space": {"x": {"type": "float", "low": 0.0, "high": 1.0}},
        "search": {"method": "sobol", "trials": 2, "parallel": 1},
    }


def test_a_guess_is_imported_ahead_and_holds_nobody_up(daemon: DaemonProcess, tmp_path: Path) -> None:
    (tmp_path / "library/torch").mkdir(parents=True)
    (tmp_path / "library/torch/__init__.py").write_text(textwrap.dedent(LIBRARY.format(base=str(tmp_path))))
    slow, importing, broken = (tmp_path / name for name in ("slow", "importing", "broken"))
    daemon.start()

    daemon.submit(study("first", tmp_path), tmp_path)
    daemon.wait_ended("first")
    assert [t["values"]["loss"] for t in daemon.trials("first")] == [1.0, 1.0]
    assert daemon.log().count(" preload torch") == 1, "what was learned runs already"

    # A daemon that is killed more often than the imports take: its launcher goes with it, and the trials get on.
    importing.unlink()
    slow.touch()
    killed = {**study("killed", tmp_path)}
    killed["run"] = {**killed["run"], "env": {**killed["run"]["env"], "OTHER": "1"}}
    daemon.submit(killed, tmp_path)
    daemon.until(lambda: importing.exists() and importing.read_text(), "nothing is imported ahead")
    launcher = int(importing.read_text())
    began = process_start_time(launcher)
    assert began is not None
    daemon.wait_state("killed", 1, "starting")
    daemon.kill()
    daemon.until(lambda: process_start_time(launcher) != began, "the launcher of a dead daemon goes on importing")
    daemon.start()
    assert daemon.wait_state("killed", 1, "completed")["attempt"] == 2
    assert daemon.trials("killed")[0]["values"]["loss"] == 0.0, "it did not wait for the import"
    daemon.post("/v1/cancel", {"targets": ["killed"]})
    slow.unlink()
    daemon.wait_ended("killed")

    # A guess that ends its launcher is dropped; the trials start warm all the same.
    broken.touch()
    harmed = {**study("harmed", tmp_path)}
    harmed["run"] = {**harmed["run"], "env": {**harmed["run"]["env"], "OTHER": "2"}}
    daemon.submit(harmed, tmp_path)
    assert daemon.wait_ended("harmed")["counts"] == {"completed": 2}
    assert [a["mode"] for a in daemon.get("/v1/studies/harmed/trials/1")["attempts"]] == ["warm"]
