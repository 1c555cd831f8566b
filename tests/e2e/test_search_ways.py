"""Grid, phases and evolution through a real daemon."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import DaemonProcess

pytestmark = pytest.mark.e2e

SCRIPT = """
    import tuned
    trial = tuned.current_trial()
    x, n = trial.params["x"], trial.params["n"]
    trial.report(loss=(x - 2) ** 2 + n, size=n - x)
"""
SPACE = {"x": {"type": "float", "low": 0.0, "high": 4.0}, "n": {"type": "int", "low": 1, "high": 9}}


def study(tmp_path: Path, **over: Any) -> dict[str, Any]:
    (tmp_path / "train.py").write_text(textwrap.dedent(SCRIPT))
    return {
        "name": "ways",
        "run": {"script": "train.py"},
        "objective": {"metric": "loss", "direction": "minimize"},
        "space": SPACE,
        **over,
    }


def test_a_grid_tries_every_combination_once(daemon: DaemonProcess, tmp_path: Path) -> None:
    daemon.start()
    daemon.submit(study(tmp_path, search={"method": "grid", "levels": 3}), tmp_path)
    ended = daemon.wait_ended("ways")
    assert (ended["state"], ended["counts"]) == ("completed", {"completed": 9})
    points = [(t["params"]["x"], t["params"]["n"]) for t in daemon.trials("ways")]
    assert sorted(points) == [(x, n) for x in (0.0, 2.0, 4.0) for n in (1, 5, 9)]
    assert ended["best"]["params"] == {"x": 2.0, "n": 1}


def test_phases_follow_each_other_and_say_why(daemon: DaemonProcess, tmp_path: Path) -> None:
    daemon.start()
    phases = [{"method": "grid", "levels": 3}, {"method": "evolution", "trials": 4}, {"method": "random", "trials": 3}]
    daemon.submit(study(tmp_path, search={"phase": phases, "parallel": 1}), tmp_path)
    ended = daemon.wait_ended("ways")
    assert ended["counts"] == {"completed": 16}
    origins = [t["origin"] for t in daemon.trials("ways")]
    assert origins[:9] == ["grid"] * 9 and origins[13:] == ["random"] * 3
    # Trials that take no time do not wait for the advisor.
    assert set(origins[9:13]) <= {"evolution", "sobol", "fallback"}
    switches = [e for e in daemon.get("/v1/events/list", study="ways", limit=1000) if e["type"] == "study.phase"]
    methods = [e["data"]["method"] for e in switches]
    assert methods[0] == "grid" and methods[-1] == "random"
    assert ended["phase"].startswith("random: phase 3 of 3")


def test_several_objectives_give_a_front(daemon: DaemonProcess, tmp_path: Path) -> None:
    daemon.start()
    objectives = [{"metric": "loss", "direction": "minimize"}, {"metric": "size", "direction": "maximize"}]
    daemon.submit(study(tmp_path, objective=objectives, search={"method": "grid", "levels": 3}), tmp_path)
    ended = daemon.wait_ended("ways")
    assert [o["metric"] for o in ended["objectives"]] == ["loss", "size"]
    front = daemon.get("/v1/studies/ways/best")
    found = [(t["params"]["x"], t["params"]["n"]) for t in front]
    # x = 4 loses both ways; x = 0 is as far from 2 as the next n is worse, and gains less by it, but for the largest n.
    assert found == [(2.0, 1), (2.0, 5), (2.0, 9), (0.0, 9)]
    assert [t["number"] for t in daemon.get("/v1/studies/ways/best", top=1)] == [ended["best"]["number"]]


def test_what_breaks_a_constraint_is_never_the_best(daemon: DaemonProcess, tmp_path: Path) -> None:
    daemon.start()
    constraint = [{"metric": "size", "at_least": 2.5}]
    daemon.submit(study(tmp_path, constraint=constraint, search={"method": "grid", "levels": 3}), tmp_path)
    ended = daemon.wait_ended("ways")
    assert ended["counts"] == {"completed": 9}
    assert ended["best"]["params"] == {"x": 2.0, "n": 5} and ended["best"]["values"]["size"] == 3.0
    assert ended["constraints"] == [{"metric": "size", "at_most": None, "at_least": 2.5}]
    told = {(row["params"]["x"], row["params"]["n"]): row["breaks"] for row in daemon.trials("ways")}
    assert {point: found for point, found in told.items() if found} == {
        (0.0, 1): ["2.5 <= size (1)"], (2.0, 1): ["2.5 <= size (-1)"], (4.0, 1): ["2.5 <= size (-3)"],
        (4.0, 5): ["2.5 <= size (1)"],
    }  # fmt: skip
    first = daemon.trials("ways")[0]
    for target in ("/v1/studies/ways/trials?metrics=true", f"/v1/studies/ways/trials/{first['number']}"):
        found = daemon.get(target)
        assert (found["trial"] if "trial" in found else found[0])["breaks"] == first["breaks"]
