"""Predictions, hashes and the report: from trials that really ran to the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import DaemonProcess
from tests.patience import DEADLINE_S

pytestmark = pytest.mark.e2e

WITH_SDK = """
    import tuned
    trial = tuned.current_trial()
    x = trial.params["x"]
    for step in range(1, 8):
        trial.report(step=step, val_loss=(x - 0.4) ** 2 + 1 / step, train_loss=(x - 0.4) ** 2 + 0.9 / step)
    trial.report(parameters=1000 + int(1000 * x))
    right, wrong = [0.9, 0.1], [0.2, 0.8]
    trial.save_predictions("validation", [right, wrong, right], targets=[0, 0, 0], ids=["one", "two", "three"])
    trial.data_hashes("train", ["a", "b", "c"])
    trial.data_hashes("validation", ["c", "d", "e"], ids=["one", "two", "three"])
"""
UNMODIFIED = """
    import sys
    import numpy
    x, path = float(sys.argv[1]), sys.argv[2]
    print(f"val_loss {x}")
    numpy.savez(path, validation_probabilities=[[0.9, 0.1], [x, 1 - x]], validation_targets=[0, 1])
"""
SPACE = {"x": {"type": "float", "low": 0.0, "high": 1.0}}
OBJECTIVE = {"metric": "val_loss", "direction": "minimize"}


@pytest.fixture(scope="module")
def ended(shared_daemon: DaemonProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """A daemon with two ended studies: `told` with the SDK, `plain` without."""
    base = tmp_path_factory.mktemp("report")
    (base / "told.py").write_text(textwrap.dedent(WITH_SDK))
    (base / "plain.py").write_text(textwrap.dedent(UNMODIFIED))
    common = {"objective": OBJECTIVE, "space": SPACE, "search": {"method": "sobol", "trials": 5}}
    args = ["{x}", "{run_dir}/pred.npz"]
    told = {**common, "search": {**common["search"], "point": [{"label": "baseline", "x": 0.9}]}}
    shared_daemon.submit({"name": "told", "run": {"script": "told.py"}, "question": "Which x?", **told}, base)
    metrics = {"patterns": [r"val_loss (?P<val_loss>\S+)"], "predictions": "{run_dir}/pred.npz"}
    shared_daemon.submit(
        {"name": "plain", "run": {"script": "plain.py", "args": args}, "metrics": metrics, **common}, base
    )
    shared_daemon.wait_ended("told")
    shared_daemon.wait_ended("plain")
    yield shared_daemon


def tunectl(daemon: DaemonProcess, *words: str, code: int = 0) -> str:
    env = {**os.environ, "TUNED_HOME": str(daemon.home)}
    done = subprocess.run(
        [sys.executable, "-I", "-m", "tuned.cli", *words], env=env, capture_output=True, text=True, timeout=DEADLINE_S
    )
    assert done.returncode == code, (done.stdout, done.stderr)
    return done.stdout if code == 0 else done.stderr


def tables(answer: Any) -> dict[str, Any]:
    return {table["name"]: table["rows"] for table in answer["tables"]}


def test_data_from_what_the_sdk_saved(ended: DaemonProcess) -> None:
    found = json.loads(tunectl(ended, "data", "told", "--json"))
    (hard,) = tables(found)["data.hard"]
    assert (hard["example"], hard["target"], hard["said"], hard["models"]) == ("two", "0", "1", 5)
    (twice,) = tables(found)["data.duplicates"]
    assert (twice["split"], twice["example"], twice["other"], twice["other_example"]) == (
        "validation",
        "one",
        "train",
        "#2",
    )
    advice = ended.get("/v1/studies/told/analysis/advise")["verdicts"]
    leak = next(v for v in advice if v["code"] == "data.leak")
    assert leak["level"] == "fail" and leak["evidence"]["examples"] == 1


def test_data_from_a_script_that_knows_nothing_of_us(ended: DaemonProcess) -> None:
    found = json.loads(tunectl(ended, "data", "plain", "--top", "3", "--json"))
    assert [row["class"] for row in tables(found)["data.classes"]] == ["0", "1"]


def test_the_report_is_one_file_and_tables_beside_it(ended: DaemonProcess, tmp_path: Path) -> None:
    page, tex = tmp_path / "out" / "told.html", tmp_path / "tex"
    said = json.loads(tunectl(ended, "report", "told", "-o", str(page), "--latex", str(tex), "--json"))
    assert said["files"][0] == str(page) and said["notes"] == []
    text = page.read_text()
    assert "Which x?" in text and "data.leak" in text and "<svg" in text and "src=" not in text
    assert (tex / "best.tex").read_text().startswith("%")
    assert "cannot write" in tunectl(ended, "report", "told", "-o", "/proc/no.html", code=1)


def test_two_studies_and_words(ended: DaemonProcess) -> None:
    codes = {v["code"] for v in json.loads(tunectl(ended, "compare", "plain", "told", "--json"))["verdicts"]}
    assert codes & {"compare.old-best", "compare.untried"}
    # The first point of a design is nobody's baseline.
    tunectl(ended, "compare", "plain", code=1)
    compared = tunectl(ended, "compare", "told")
    assert "Tuning has brought" in compared or "is the best so far" in compared
    assert "In told: the best trial" in tunectl(ended, "explain", "gap", "told")
    assert tunectl(ended, "explain", "lr").startswith("learning rate")
    assert "no term of the glossary" in tunectl(ended, "explain", "xyzzy", code=1)
