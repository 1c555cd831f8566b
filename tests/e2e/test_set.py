"""`set` on a real daemon: an ended study goes on, suggestions without a place are withdrawn."""

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
    while not pathlib.Path("go").exists():
        time.sleep(0.02)
    trial.report(step=1, loss=trial.params["x"])
"""


def study(name: str, **search: Any) -> dict[str, Any]:
    return {
        "name": name,
        "run": {"script": "train.py"},
        "objective": {"metric": "loss", "direction": "minimize"},
        "space": {"x": {"type": "float", "low": 0.0, "high": 1.0}},
        "search": {"method": "sobol", "seed": 1, **search},
    }


def test_more_trials_reopen_an_ended_study(shared_daemon: DaemonProcess, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(textwrap.dedent(SCRIPT))
    (tmp_path / "go").touch()
    shared_daemon.submit(study("more", trials=2), tmp_path)
    shared_daemon.wait_ended("more")
    said = shared_daemon.post("/v1/studies/more/set", {"values": {"search.trials": "+2", "priority": 7}})
    assert said["changed"] == ["search.trials: 2 -> 4", "priority: 0 -> 7"]
    assert (said["reopened"], said["state"]) == (True, "running")
    shared_daemon.until(lambda: len(shared_daemon.trials("more")) == 4, "no more trials")
    assert shared_daemon.wait_ended("more")["counts"] == {"completed": 4}
    assert shared_daemon.study("more")["priority"] == 7
    with pytest.raises(Exception, match="the space has a verb of its own"):
        shared_daemon.post("/v1/studies/more/set", {"values": {"space.x.high": 2}})


def test_fewer_trials_withdraw_suggestions_but_no_points_of_ones_own(
    shared_daemon: DaemonProcess, tmp_path: Path
) -> None:
    (tmp_path / "train.py").write_text(textwrap.dedent(SCRIPT))
    shared_daemon.submit(study("fewer", trials=8, parallel=1), tmp_path)
    shared_daemon.wait_state("fewer", 1, "running")
    shared_daemon.until(lambda: len(shared_daemon.trials("fewer")) >= 3, "no trials ahead")
    (mine,) = shared_daemon.post("/v1/studies/fewer/enqueue", {"points": [{"x": 0.5}]})["trials"]
    said = shared_daemon.post("/v1/studies/fewer/set", {"values": {"search.trials": 2}})
    assert said["changed"] == ["search.trials: 8 -> 2"] and said["cancelled"]
    states = {t["number"]: t["state"] for t in shared_daemon.trials("fewer")}
    assert (states[1], states[mine]) == ("running", "queued")
    assert {states[number] for number in said["cancelled"]} == {"cancelled"}
    (tmp_path / "go").touch()
    shared_daemon.wait_ended("fewer")
    ran = [t["number"] for t in shared_daemon.trials("fewer") if t["state"] == "completed"]
    assert ran == [1, mine]


def test_two_more_are_two_more_than_there_are(shared_daemon: DaemonProcess, tmp_path: Path) -> None:
    """Points of a person's own come on top of a study's size; `+2` is said by somebody who looks at its trials."""
    (tmp_path / "train.py").write_text(textwrap.dedent(SCRIPT))
    (tmp_path / "go").touch()
    shared_daemon.submit(study("top", trials=2), tmp_path)
    shared_daemon.wait_ended("top")
    shared_daemon.post("/v1/studies/top/enqueue", {"points": [{"x": 0.1}, {"x": 0.2}, {"x": 0.3}]})
    assert shared_daemon.wait_ended("top")["counts"] == {"completed": 5}
    said = shared_daemon.post("/v1/studies/top/set", {"values": {"search.trials": "+2"}})
    assert (said["changed"], said["reopened"]) == (["search.trials: 2 -> 7"], True)
    assert said["notes"] == ["search.trials: +2 counts from 5, which the study has had"]
    assert shared_daemon.wait_ended("top")["counts"] == {"completed": 7}
    said = shared_daemon.post("/v1/studies/top/set", {"values": {"search.trials": "-3"}})
    assert said["changed"] == ["search.trials: 7 -> 4"]
    assert said["notes"] == ["top is completed and has 7 trials: more than that let it go on"]


def test_a_longer_budget_is_longer_than_the_time_that_was_used(shared_daemon: DaemonProcess, tmp_path: Path) -> None:
    """The last trial of a budget runs on to its end."""
    (tmp_path / "train.py").write_text("import time, tuned\ntime.sleep(1.2)\ntuned.current_trial().report(loss=1.0)\n")
    shared_daemon.submit(study("long", budget="0.2s", parallel=1), tmp_path)
    before = sum(shared_daemon.wait_ended("long")["counts"].values())
    said = shared_daemon.post("/v1/studies/long/set", {"values": {"search.budget": "0.3s"}})
    assert not said["reopened"]
    assert "long is completed and has run for 1" in said["notes"][0] and "search.budget" in said["notes"][0]
    assert shared_daemon.post("/v1/studies/long/set", {"values": {"search.budget": "+0.5s"}})["reopened"]
    assert sum(shared_daemon.wait_ended("long")["counts"].values()) > before
