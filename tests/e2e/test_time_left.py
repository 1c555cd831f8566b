"""What is said of the time left counts the wait for slots that others hold, or that others get first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import DaemonProcess

pytestmark = pytest.mark.e2e

SCRIPT = """
import time, tuned
trial = tuned.current_trial()
time.sleep(trial.params["wait"])
trial.report(loss=trial.params["x"])
"""


def study(name: str, wait: float, priority: int = 0, **search: Any) -> dict[str, Any]:
    return {
        "name": name,
        "priority": priority,
        "run": {"script": "train.py"},
        "objective": {"metric": "loss", "direction": "minimize"},
        "space": {"x": {"type": "float", "low": 0.0, "high": 1.0}, "wait": wait},
        "search": {"method": "random", **search},
    }


def test_a_study_that_waits_for_others_counts_that(daemon: DaemonProcess, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT)
    daemon.slots = 1
    daemon.start()

    def done(name: str, trials: int) -> bool:
        return int(daemon.study(name)["counts"].get("completed", 0)) >= trials

    daemon.submit(study("small", 0.2, trials=4), tmp_path)
    daemon.until(lambda: done("small", 1), "no trial ends")
    daemon.post("/v1/pause", {"targets": ["small"]})
    assert daemon.study("small")["eta_s"] is None
    daemon.submit(study("large", 1.0, trials=60), tmp_path)
    daemon.post("/v1/priority", {"targets": ["large"], "priority": 10})
    daemon.until(lambda: done("large", 1), "no trial ends")
    daemon.post("/v1/resume", {"targets": ["small"]})
    small = daemon.until(lambda: daemon.study("small") if daemon.study("small")["counts"].get("queued") else None, "")
    large = daemon.study("large")
    assert large["eta_s"] > 20
    assert large["eta_s"] < small["eta_s"] < large["eta_s"] + 30, "its own few trials come behind those of the other"
    first = next(row for row in daemon.get("/v1/queue") if row["study"] == "small")
    assert large["eta_s"] - 10 < first["starts_in_s"] < small["eta_s"], "the points still to be asked for go first, too"

    daemon.submit(study("unknown", 600.0, trials=9), tmp_path)
    daemon.post("/v1/priority", {"targets": ["unknown"], "priority": 20})
    assert [daemon.study(name)["eta_s"] for name in ("small", "large", "unknown")] == [None, None, None]
    assert {row["starts_in_s"] for row in daemon.get("/v1/queue") if row["study"] == "small"} == {None}
