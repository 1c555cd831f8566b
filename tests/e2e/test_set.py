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
