"""`summary` and `events --since`: what somebody who was away is told, once."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import DaemonProcess

pytestmark = pytest.mark.e2e

SCRIPT = """
    import sys, tuned
    trial = tuned.current_trial()
    trial.report(step=1, loss=trial.params["x"])
    if trial.params["x"] > 0.8:
        sys.exit("x is too large")
"""
STUDY: dict[str, Any] = {
    "name": "away",
    "run": {"script": "train.py"},
    "objective": {"metric": "loss", "direction": "minimize"},
    "space": {"x": {"type": "float", "low": 0.0, "high": 1.0}},
    "search": {"method": "sobol", "trials": 2, "point": [{"x": 0.5}, {"x": 0.9}]},
}


def test_what_happened_since_the_last_look(shared_daemon: DaemonProcess, tmp_path: Path) -> None:
    def look(**body: Any) -> tuple[Any, Any]:
        found = shared_daemon.post("/v1/summary", {"client": "me", **body})
        return found, next((s for s in found["studies"] if s["name"] == "away"), None)

    (tmp_path / "train.py").write_text(textwrap.dedent(SCRIPT))
    shared_daemon.submit(STUDY, tmp_path)
    ended = shared_daemon.wait_ended("away")
    found, study = look(keep=True)
    assert found["since"] is None
    assert (study["submitted"], study["ended"], study["state"]) == (True, {"completed": 1, "failed": 1}, "completed")
    assert study["best"]["values"] == {"loss": 0.5} and study["best_is_new"]
    assert study["failures"] == ["exit code 1: x is too large (trial 2)"]
    assert look()[1] == study, "a look that is kept tells the same again"
    found, study = look()
    assert study is None and found["quiet"] >= 1, "it is told once"

    assert shared_daemon.post("/v1/summary", {"client": "another"})["since"] is None
    shared_daemon.post("/v1/studies/away/set", {"values": {"run.grace": "5s"}})
    shared_daemon.post("/v1/studies/away/enqueue", {"points": [{"x": 0.25}]})
    shared_daemon.until(lambda: shared_daemon.study("away")["ended_at"], "it does not end again")
    study = look(keep=True)[1]
    assert (study["ended"], study["best_is_new"], study["best_before"]) == ({"completed": 1}, True, 0.5)
    assert study["notes"] == ["changed: run.grace: 30.0 -> 5.0"]
    assert not study["submitted"]
    everything = look(since=0.0)[1]
    assert sum(everything["ended"].values()) == 3
    assert look(since=ended["ended_at"] + 1e6)[1] is None


def test_events_of_a_period(shared_daemon: DaemonProcess, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(textwrap.dedent(SCRIPT))
    shared_daemon.submit({**STUDY, "name": "period"}, tmp_path)
    shared_daemon.wait_ended("period")
    events = shared_daemon.get("/v1/events/list")
    middle = events[len(events) // 2]
    since = shared_daemon.get("/v1/events/list", since=middle["at"])
    assert since == [event for event in events if event["at"] >= middle["at"]]
    assert shared_daemon.get("/v1/events/list", since=0.0) == events
    assert shared_daemon.get("/v1/events/list", since=events[-1]["at"] + 1.0) == []
    assert shared_daemon.get("/v1/events/list", since=0.0, study="period", limit=1)[0]["type"] == "study.submitted"
