"""Results of other programs: taken in, looked at like any study, and begun with."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from tests.e2e.conftest import call
from tests.e2e.tunectl_process import Tunectl

pytestmark = pytest.mark.e2e

FILES = Path(__file__).parents[1] / "unit" / "optuna_files"


def test_what_optuna_and_a_table_hold_begins_a_study(tunectl: Tunectl) -> None:
    (tunectl.work / "store.db").write_bytes(gzip.decompress((FILES / "store.db.gz").read_bytes()))
    told = tunectl.json("import", "optuna", "store.db", "--study", "Old Sweep", "--metric", "loss")
    assert told == {"study": "old-sweep", "trials": 8, "left_out": 1}
    assert "choose another one with --name" in tunectl("import", "optuna", "store.db", "--study", "Old Sweep", code=1)
    tunectl("wait", "old-sweep")
    study = tunectl.json("show", "old-sweep")
    assert study["state"] == "completed" and study["counts"] == {"completed": 5, "pruned": 2, "failed": 1}
    best = tunectl.json("best", "old-sweep")[0]
    assert best["origin"] == "imported" and best["values"]["loss"] == min(
        t["values"]["loss"] for t in tunectl.json("trials", "old-sweep", "--state", "completed")
    )
    assert len(tunectl.json("metrics", f"old-sweep/{best['number']}")) == 3
    for words in (
        ["effects", "old-sweep"],
        ["advise", "old-sweep"],
        ["why", "old-sweep/1"],
    ):
        tunectl(*words, "--json")
    assert len(tunectl("export", "old-sweep").splitlines()) == 9
    # A table of many rows: several pieces, and a study that begins with them.
    rows = [f"{i / 200},{(i / 200 - 2) ** 2},finished" for i in range(1100)]
    (tunectl.work / "runs.csv").write_text("\n".join(["config/x,summary/loss,State", *rows, "1.0,,running"]))
    told = tunectl.json("import", "csv", "runs.csv", "--metric", "loss=summary/loss", "--name", "runs")
    assert told == {"study": "runs", "trials": 1100, "left_out": 1}
    tunectl("wait", "runs")
    tunectl.write(trials=1)
    with (tunectl.work / "quad.toml").open("a") as file:
        file.write('    from = ["runs"]\n')
    tunectl("submit", "quad.toml", "--wait")
    (trial,) = tunectl.json("trials", "quad")
    assert (trial["origin"], trial["params"]) == ("prior", {"x": 2.0})
    events = json.loads(tunectl("events", "runs", "--limit", "1", "--json"))
    assert events[0]["data"]["reason"] == "1100 trials imported from runs.csv"


def test_one_that_was_cut_off_is_told_apart_with_the_way_on(tunectl: Tunectl) -> None:
    (tunectl.work / "runs.csv").write_text("config/x,summary/loss\n1.0,2.0\n")
    words = ("import", "csv", "runs.csv", "--metric", "loss=summary/loss")
    tunectl("daemon", "start")
    study = {
        "name": "runs",
        "objective": {"metric": "loss", "direction": "minimize"},
        "space": {"x": {"type": "float", "low": 0.0, "high": 1.0}},
        "search": {"trials": 1},
    }
    piece = {"study": study, "trials": [], "source": "runs.csv", "first": True, "last": False}
    call(str(tunectl.home / "tuned.sock"), "POST", "/v1/imports", piece)
    refused = tunectl(*words, code=1)
    assert (
        "an import under that name was cut off (unless it goes on: tunectl delete runs, and type it again)" in refused
    )
    tunectl("delete", "runs", "--yes")
    assert "runs" in tunectl(*words)
