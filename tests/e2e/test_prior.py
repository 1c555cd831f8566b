"""A study that begins with the results of an earlier one; a space that is used up."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import DaemonProcess

pytestmark = pytest.mark.e2e

SCRIPT = """
    import os, tuned
    trial = tuned.current_trial()
    trial.report(loss=(trial.params["x"] - 3) ** 2 + 10 * ("/later/" in os.environ["TUNED_METRICS"]))
"""


def study(folder: Path, name: str, space: dict[str, Any] | None = None, **search: Any) -> dict[str, Any]:
    (folder / "train.py").write_text(textwrap.dedent(SCRIPT))
    return {
        "name": name,
        "run": {"script": "train.py"},
        "objective": {"metric": "loss", "direction": "minimize"},
        "space": space or {"x": {"type": "float", "low": 0.0, "high": 10.0}},
        "search": {"parallel": 1, **search},
    }


def test_an_earlier_study_is_where_the_search_begins(shared_daemon: DaemonProcess, tmp_path: Path) -> None:
    daemon = shared_daemon
    daemon.submit(study(tmp_path, "earlier", method="sobol", trials=12), tmp_path)
    best = daemon.wait_ended("earlier")["best"]
    with pytest.raises(Exception, match="there is no study earliest"):
        daemon.submit(study(tmp_path, "later", trials=4, **{"from": ["earliest"]}), tmp_path)
    wide = {"x": {"type": "float", "low": 20.0, "high": 30.0}}
    with pytest.raises(Exception, match="none of their finished trials"):
        daemon.submit(study(tmp_path, "later", wide, trials=4, **{"from": ["earlier"]}), tmp_path)

    daemon.submit(study(tmp_path, "later", method="bayesian", trials=5, **{"from": ["earlier"]}), tmp_path)
    assert daemon.wait_ended("later")["counts"] == {"completed": 5}
    first, *_, last = daemon.trials("later")
    assert first["origin"] == "prior" and first["params"] == best["params"]
    assert last["origin"] == "bayesian" and "and 12 of earlier studies" in last["why"], last["why"]


def test_a_study_that_another_one_begins_from_stays_while_that_one_runs(
    shared_daemon: DaemonProcess, tmp_path: Path
) -> None:
    """It was deleted, and from the daemon's next start on the model knew nothing of it."""
    shared_daemon.submit(study(tmp_path, "source", method="sobol", trials=3), tmp_path)
    shared_daemon.wait_ended("source")
    user = study(tmp_path, "user", trials=4, **{"from": ["source"]})
    user["run"] = {"command": ["sleep", "60"]}
    shared_daemon.submit(user, tmp_path)
    with pytest.raises(Exception, match="user begins from it"):
        shared_daemon.delete("/v1/studies/source")
    assert shared_daemon.study("source")["counts"] == {"completed": 3}
    shared_daemon.post("/v1/cancel", {"targets": ["user"]})
    shared_daemon.wait_ended("user")
    shared_daemon.delete("/v1/studies/source")


def test_what_is_given_takes_no_place_of_a_grid_and_no_more_trials_than_there_are(
    shared_daemon: DaemonProcess, tmp_path: Path
) -> None:
    def points(name: str, **search: Any) -> list[Any]:
        shared_daemon.submit(study(tmp_path, name, **search), tmp_path)
        assert shared_daemon.wait_ended(name)["state"] == "completed"
        return [(t["origin"], t["params"]["x"], t["why"]) for t in shared_daemon.trials(name)]

    shared_daemon.submit(study(tmp_path, "known", method="sobol", trials=3), tmp_path)
    best = shared_daemon.wait_ended("known")["best"]["params"]["x"]
    own, prior, *grid = points("whole", method="grid", levels=3, point=[{"x": 7.0}], **{"from": ["known"]})
    assert (own[:2], prior[:2]) == (("user", 7.0), ("prior", best))
    assert [at for _, at, _ in grid] == [0.0, 5.0, 10.0]
    assert [why for _, _, why in grid] == [f"point {i} of the grid with 3 levels" for i in (1, 2, 3)]
    assert [at for _, at, _ in points("one", trials=1, point=[{"x": 7.0}], **{"from": ["known"]})] == [7.0]
    behind = [{"method": "sobol", "trials": 3}, {"method": "grid", "levels": 2}]
    *_, last, end = points("behind", phase=behind, point=[{"x": 7.0}, {"x": 8.0}])
    assert [last[2], end[2]] == [f"point {i} of the grid with 2 levels" for i in (1, 2)]


def test_a_space_that_is_used_up_ends_the_study(shared_daemon: DaemonProcess, tmp_path: Path) -> None:
    space = {"x": [1, 2, 3], "deep": {"type": "bool"}}
    shared_daemon.submit(study(tmp_path, "small", space, method="bayesian", trials=50), tmp_path)
    ended = shared_daemon.wait_ended("small")
    assert (ended["state"], ended["counts"]) == ("completed", {"completed": 6})
    assert ended["reason"] == "every point of the space has been tried"
    points = [tuple(sorted(t["params"].items())) for t in shared_daemon.trials("small")]
    assert len(set(points)) == 6
