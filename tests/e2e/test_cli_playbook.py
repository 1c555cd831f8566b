"""The verbs from a search to a final model, as a person and as a script use them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.tunectl_process import Tunectl

pytestmark = pytest.mark.e2e

SCRIPT = """
import random, tuned
trial = tuned.current_trial()
x = trial.params["x"]
if trial.stage == "test":
    trial.report(test_loss=float((trial.checkpoint_dir / "model").read_text()))
else:
    for step in range(2):
        trial.report(step=step, loss=(x - 2) ** 2 + random.random() / 100)
    (trial.checkpoint_dir / "model").write_text(str(x))
    trial.save_predictions("validation", [[x, 4 - x], [4 - x, x], [0.2, 0.8], [0.9, 0.1]] * 5, [1, 0, 1, 0] * 5)
"""
STUDY = """
[run]
script = "train.py"
[objective]
metric = "loss"
direction = "minimize"
[space]
x = { type = "float", low = 0.0, high = 4.0 }
[search]
method = "sobol"
trials = 5
[[search.point]]
x = 4.0
[test]
metric = "test_loss"
"""


@pytest.fixture
def tunectl(tmp_path: Path) -> Iterator[Tunectl]:
    work = tmp_path / "work"
    work.mkdir()
    (work / "train.py").write_text(SCRIPT)
    (work / "quick.toml").write_text(STUDY)
    # A socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="tuned-", ignore_cleanup_errors=True) as folder:
        process = Tunectl(Path(folder) / "home", work)
        try:
            yield process
        finally:
            process.end()


def test_confirm_ensemble_finalize(tunectl: Tunectl) -> None:
    tunectl("submit", "quick.toml", "--wait")
    shown = tunectl("confirm", "quick", "--top", "1", "--seeds", "3", "--timeout", "10m")
    assert "adopt" in shown and "Where the spread of loss comes from" in shown
    again = tunectl.json("confirm", "quick", "--show", "--against", "quick/1")
    assert again["figures"]["winner"] == tunectl.json("steps", "quick")["steps"][0]["result"]["winner"]
    assert "names no trial" in tunectl("confirm", "quick", "--against", "other/1", code=2)

    assert "best single" in tunectl("ensemble", "quick", "--top", "3")
    assert "an ensemble needs two" in tunectl("ensemble", "quick", "--split", "test", code=1)

    assert "los has not been reported (did you mean loss?)" in tunectl("metrics", "quick/1", "--name", "los")

    final = tunectl("finalize", "quick", "--timeout", "10m")
    assert "1 look)" in final and "reproduce.py" in final
    assert "measured on once" in tunectl("finalize", "quick", code=1)
    second = tunectl.json("finalize", "quick", "--again", "--wait")
    step = next(s for s in second["steps"] if s["id"] == second["changed"])
    assert (step["id"], step["state"], step["result"]["looks"]) == ("finalize-2", "done", 2)

    listed = tunectl("steps", "quick")
    assert [line.split()[0] for line in listed.splitlines()[1:]] == ["confirm", "finalize", "finalize-2"]
    assert "confirm is done" in tunectl("steps", "quick", "skip", "confirm", code=1)
    about = " ".join(tunectl("show", "quick").split())
    assert "trials 5 completed, of 5" in about and "in steps 10 completed" in about
