"""Versions of a study's space, edited while it runs and refined between phases."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import DaemonProcess

pytestmark = pytest.mark.e2e

SCRIPT = """
    import os, time, tuned
    trial = tuned.current_trial()
    while trial.number > 6 and not os.path.exists("go"):
        time.sleep(0.02)
    x = trial.params["x"]
    trial.report(loss=(x - 2) ** 2 + trial.params.get("extra", 0.0))
"""


def study(folder: Path, name: str, **search: Any) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    (folder / "train.py").write_text(textwrap.dedent(SCRIPT))
    return {
        "name": name,
        "run": {"script": "train.py"},
        "objective": {"metric": "loss", "direction": "minimize"},
        "space": {"x": {"type": "float", "low": 0.0, "high": 10.0}},
        "search": search,
    }


def events(daemon: DaemonProcess, name: str) -> list[dict[str, Any]]:
    return list(daemon.get("/v1/events/list", study=name, limit=1000))


def test_an_edit_while_it_runs_keeps_what_fits(shared_daemon: DaemonProcess, tmp_path: Path) -> None:
    daemon, submitted = shared_daemon, study(tmp_path, "live", method="sobol", trials=20, parallel=1)
    daemon.submit(submitted, tmp_path)
    daemon.until(lambda: daemon.study("live")["counts"].get("completed") == 6, "six trials do not end")
    daemon.wait_state("live", 7, "running")
    daemon.until(lambda: daemon.study("live")["counts"].get("queued", 0) >= 2, "nothing is queued ahead")
    waiting = {t["number"]: t["params"] for t in daemon.trials("live") if t["state"] == "queued"}
    inside = sum(t["params"]["x"] <= 4 for t in daemon.trials("live") if t["state"] == "completed")

    edit = {"set": {"x.high": 4}, "add": {"extra": {"type": "float", "low": 0.0, "high": 1.0, "was": 0.0}}}
    dry = daemon.post("/v1/studies/live/space", {**edit, "dry_run": True})
    assert daemon.get("/v1/studies/live/space")["version"] == 1
    done = daemon.post("/v1/studies/live/space", edit)
    assert done["version"] == dry["version"] == 2 and done["changes"] == dry["changes"]
    assert done["changes"] == ["x.high: 10 -> 4", "extra: added, 0 .. 1"]
    assert (done["kept"], done["left_out"]) == (inside, 6 - inside) and 0 < inside < 6
    assert {row["number"]: row["before"] for row in done["replaced"]} == waiting
    with pytest.raises(Exception, match=r"space\.x\.low"):
        daemon.post("/v1/studies/live/space", {"set": {"x.low": 5}})

    back = daemon.post("/v1/studies/live/space", {"back_to": 1})
    assert back["version"] == 3 and back["changes"] == ["x.high: 4 -> 10", "extra: dropped"]
    assert (back["kept"], back["left_out"]) == (6, 0), "what ran before counts again"
    again = daemon.post("/v1/studies/live/space", {"back_to": 2})
    assert (again["version"], again["changes"]) == (4, done["changes"])
    with pytest.raises(Exception, match="there is no version 9"):
        daemon.post("/v1/studies/live/space", {"back_to": 9})

    (tmp_path / "go").touch()
    assert daemon.wait_ended("live")["counts"] == {"completed": 20}
    for trial in daemon.trials("live"):
        assert trial["space"] == (1 if trial["number"] <= 7 else 4)
        assert ("extra" in trial["params"]) == (trial["space"] == 4)
        assert trial["space"] == 1 or trial["params"]["x"] <= 4
    page = daemon.get("/v1/studies/live/space")
    assert [(v["origin"], v["trials"]) for v in page["versions"]] == [
        ("submit", 7), ("user", 0), ("user", 0), ("user", 13),
    ]  # fmt: skip
    edits = [e for e in events(daemon, "live") if e["type"] == "study.space"]
    assert [e["data"]["version"] for e in edits] == [2, 3, 4]
    # The file that was submitted is still the study's own.
    assert daemon.submit(submitted, tmp_path)["created"] is False


def test_a_phase_begins_in_the_space_that_the_results_speak_for(shared_daemon: DaemonProcess, tmp_path: Path) -> None:
    phases = [{"method": "sobol", "trials": 12}, {"method": "random", "trials": 8, "refine": True}]
    submitted = study(tmp_path, "phased", phase=phases, parallel=1)
    (tmp_path / "train.py").write_text(textwrap.dedent(SCRIPT).replace("> 6", "> 9"))
    shared_daemon.submit(submitted, tmp_path)
    shared_daemon.until(lambda: len(shared_daemon.trials("phased")) >= 12, "the first phase is not queued ahead")
    (tmp_path / "go").touch()
    assert shared_daemon.wait_ended("phased")["counts"] == {"completed": 20}
    # The space is refined by the results of the phase before, not by those that were there when it was queued.
    order = [(e["type"], e["number"], e["data"].get("to")) for e in events(shared_daemon, "phased")]
    assert order.index(("trial.moved", 11, "completed")) < order.index(("study.space", None, None))
    page = shared_daemon.get("/v1/studies/phased/space")
    assert [v["origin"] for v in page["versions"]] == ["submit", "phase 2"]
    low, high = (page["versions"][1]["space"]["parameters"][0][end] for end in ("low", "high"))
    assert low < 2 < high and 2.9 < high - low < 9
    refined = [t for t in shared_daemon.trials("phased") if t["space"] == 2]
    assert [t["number"] for t in refined] == list(range(13, 21))
    assert all(low <= t["params"]["x"] <= high for t in refined)
    assert page["kept"] + page["left_out"] == 20
    # What a model of these trials says comes over the same way.
    answers = {
        kind: shared_daemon.get(f"/v1/studies/phased/analysis/{kind}") for kind in ("importance", "slice", "fit")
    }
    assert [row["parameter"] for row in answers["importance"]["tables"][0]["rows"]] == ["x"]
    assert len(answers["slice"]["figures"]["slice"]["x"]["mean"]) == 25
    assert answers["fit"]["tables"][0]["rows"][0]["value"] == page["kept"]
