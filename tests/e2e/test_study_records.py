"""`study.json` follows its study: submitted, changed, moved, deleted, or of a state folder that had none."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import DaemonProcess

pytestmark = pytest.mark.e2e


def record(daemon: DaemonProcess, name: str = "quick") -> dict[str, Any]:
    path = daemon.home / "runs" / name / "study.json"
    return dict(json.loads(path.read_text())) if path.exists() else {}


def test_a_study_record_holds_what_a_rebuild_needs_and_follows_its_study(daemon: DaemonProcess, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(
        textwrap.dedent("""
            import tuned
            trial = tuned.current_trial()
            trial.report(loss=trial.params["x"])
        """)
    )
    daemon.start()
    study = {
        "name": "quick",
        "run": {"script": "train.py", "preload": []},
        "objective": {"metric": "loss", "direction": "minimize"},
        "space": {"x": {"type": "float", "low": 0.0, "high": 1.0}},
        "search": {"method": "sobol", "trials": 2, "parallel": 1, "seed": 1},
    }
    body = {"study": study, "base": str(tmp_path), "environment": {"PATH": "/usr/bin:/bin", "TOKEN": "s3cret"}}
    daemon.post("/v1/studies", {**body, "stem": "study"})
    daemon.wait_ended("quick")
    daemon.until(lambda: record(daemon).get("state") == "completed", "the record follows the study's state")
    path = daemon.home / "runs/quick/study.json"
    assert path.stat().st_mode & 0o777 == 0o600
    kept = record(daemon)
    assert kept["environment"]["TOKEN"] == "s3cret"
    assert kept["spec"]["search"]["trials"] == 2
    assert [space["version"] for space in kept["spaces"]] == [1]
    assert (kept["protocol"], kept["waiting"], kept["steps"]) == (1, [], None)
    spec = json.loads((daemon.home / "runs/quick/1/1/spec.json").read_text())
    assert (spec["origin"], spec["space"], spec["priority"], spec["retry_of"]) == ("sobol", 1, 0, None)
    # A change, and a point of one's own that waits.
    daemon.post("/v1/studies/quick/set", {"values": {"search.trials": "+1"}})
    daemon.until(lambda: record(daemon)["spec"]["search"]["trials"] == 3, "the record follows a change")
    daemon.wait_ended("quick")
    daemon.post("/v1/studies/quick/set", {"values": {"search.trials": "+1"}})
    daemon.post("/v1/pause", {"targets": ["quick"]})
    daemon.post("/v1/studies/quick/enqueue", {"points": [{"x": 0.25}]})
    daemon.until(lambda: record(daemon)["waiting"], "a point of a person's own is in the record")
    (waiting,) = record(daemon)["waiting"]
    assert (waiting["params"], waiting["origin"]) == ({"x": 0.25}, "user")
    # Lost, damaged or never written: the next start writes it.
    daemon.until(lambda: record(daemon)["state"] == "paused", "it is at rest")
    kept = record(daemon)
    daemon.stop()
    path.write_text("{")
    daemon.start()
    daemon.until(lambda: path.read_text() != "{" and record(daemon) == kept, "the record is written at the start")
    daemon.delete("/v1/studies/quick")
    daemon.until(lambda: not path.parent.exists(), "the record goes with its study")
