"""A retry that is taken back before it begins leaves the study as it was."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import DaemonProcess

pytestmark = pytest.mark.e2e

SCRIPT = """
    import pathlib, time, tuned
    trial = tuned.current_trial()
    trial.report(step=1, loss=trial.params["x"])
    while not pathlib.Path("go").exists() and not trial.should_stop():
        time.sleep(0.02)
"""
STUDY: dict[str, Any] = {
    "name": "again",
    "run": {"script": "train.py"},
    "objective": {"metric": "loss", "direction": "minimize"},
    "space": {"x": {"type": "float", "low": 0.0, "high": 1.0}},
    "search": {"method": "sobol", "trials": 6, "parallel": 1},
}


def test_a_retry_taken_back_ends_the_study_as_it_had(shared_daemon: DaemonProcess, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(textwrap.dedent(SCRIPT))
    shared_daemon.submit(STUDY, tmp_path)
    shared_daemon.wait_state("again", 1, "running")
    # Something else keeps the machine busy, so that a retry waits.
    busy = {**STUDY, "name": "busy", "priority": 100, "search": {"method": "sobol", "trials": 2}}
    shared_daemon.submit(busy, tmp_path)
    shared_daemon.wait_state("busy", 1, "running")
    shared_daemon.post("/v1/cancel", {"targets": ["again"]})
    assert shared_daemon.wait_ended("again")["state"] == "stopped"
    shared_daemon.wait_state("busy", 2, "running")

    (new,) = shared_daemon.post("/v1/retry", {"targets": ["again/1"]})["changed"]
    assert shared_daemon.study("again")["state"] == "running"
    with pytest.raises(Exception, match=f"again/1 runs again already, as {new}"):
        shared_daemon.post("/v1/retry", {"targets": ["again/1"]})
    assert shared_daemon.post("/v1/retry/undo", {"targets": ["again/1"]})["changed"] == [new]
    ended = shared_daemon.wait_ended("again")
    assert (ended["state"], ended["reason"]) == ("stopped", "cancelled by you")
    assert not set(ended["counts"]) - {"cancelled"}
    with pytest.raises(Exception, match="is not to run again"):
        shared_daemon.post("/v1/retry/undo", {"targets": ["again/1"]})
    # Points of one's own are taken back alike, and never once they run.
    (own,) = shared_daemon.post("/v1/studies/again/enqueue", {"points": [{"x": 0.5}], "priority": 0})["trials"]
    assert shared_daemon.post("/v1/enqueue/undo", {"targets": [f"again/{own}"]})["changed"] == [f"again/{own}"]
    assert shared_daemon.wait_ended("again")["state"] == "stopped"
    with pytest.raises(Exception, match=r"busy/1 is running \(tunectl cancel busy/1\)"):
        shared_daemon.post("/v1/enqueue/undo", {"targets": ["busy/1"]})
    # What has ended is left alone, without a remedy that would be refused.
    with pytest.raises(Exception, match=rf"again/{own} is cancelled(?! \(tunectl)"):
        shared_daemon.post("/v1/enqueue/undo", {"targets": [f"again/{own}"]})
    (tmp_path / "go").touch()
    shared_daemon.wait_ended("busy")
