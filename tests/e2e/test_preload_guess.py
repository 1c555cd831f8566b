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


# Says what it was imported with, and, while a file is there, fails in the middle of its import in a launcher.
ENVIRONED = """
    import os, pathlib
    import torch.part
    if "TUNED_ATTEMPT" not in os.environ and (pathlib.Path({base!r}) / "fails").exists():
        raise RuntimeError("no backend")
    threads = os.environ.get("LIB_THREADS")
    def manual_seed(seed): pass
    class version:
        cuda = hip = "none"
"""
SETS = """
    import os, sys
    clean = "LIB_THREADS" not in os.environ
    half = "torch.part" in sys.modules and "torch" not in sys.modules
    ahead = "torch" in sys.modules
    os.environ["LIB_THREADS"] = {value}
    import torch, tuned
    trial = tuned.current_trial()
    trial.report(loss=float(torch.threads), clean=float(clean), half=float(half), ahead=float(ahead))
"""


def test_what_a_script_sets_above_its_imports_holds_for_imports_ahead(
    shared_daemon: DaemonProcess, tmp_path: Path
) -> None:
    (tmp_path / "library/torch").mkdir(parents=True)
    (tmp_path / "library/torch/part.py").touch()
    (tmp_path / "library/torch/__init__.py").write_text(textwrap.dedent(ENVIRONED.format(base=str(tmp_path))))
    seen = {}
    for name, value in (("literal", "'3'"), ("told", "sys.argv[0] and '4'"), ("failing", "'5'")):
        spec = study(name, tmp_path)
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(SETS.format(value=value)))
        if name == "failing":
            (tmp_path / "fails").touch()
            spec["run"]["env"]["OTHER"] = "1"
        shared_daemon.submit(spec, tmp_path)
        shared_daemon.wait_ended(name)
        seen[name] = [
            [int(shared_daemon.get("/v1/metrics", target=f"{name}/{number}", name=metric)[0]["value"])
             for metric in ("loss", "clean", "half", "ahead")]
            for number in (1, 2)
        ]  # fmt: skip
    assert seen == {"literal": [[3, 1, 0, 1]] * 2, "told": [[4, 1, 0, 0]] * 2, "failing": [[5, 1, 0, 0]] * 2}
    notes = {name: shared_daemon.study(name)["note"] for name in seen}
    assert notes["literal"] == ""
    assert "line 6 of told.py sets LIB_THREADS" in notes["told"]
    assert "torch cannot be imported ahead: RuntimeError: no backend" in notes["failing"]
