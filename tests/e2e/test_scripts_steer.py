"""What a script does with a study through `tuned.connect()`, and the verbs of a morning on the command line."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.tunectl_process import Tunectl
from tests.patience import DEADLINE_S
from tuned.client.script import connect

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def tunectl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tunectl]:
    work = tmp_path_factory.mktemp("steer")
    command = Tunectl(work / "home", work)
    command.write(trials=2)
    try:
        yield command
    finally:
        command.end()


def test_a_script_submits_steers_and_reads(tunectl: Tunectl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNED_HOME", str(tunectl.home))
    monkeypatch.setenv("TUNED_SLOTS", "2")
    monkeypatch.chdir(tunectl.work)
    with connect() as daemon:
        study = daemon.submit("quad.toml")
        study.wait(DEADLINE_S)
        assert study.set({"search.trials": "+1"}, priority=3).changed == ["search.trials: 2 -> 3", "priority: 0 -> 3"]
        study.wait(DEADLINE_S)
        numbers = study.enqueue({"x": [1.5, 2.5]}, seeds=2) + study.enqueue({"x": 2.0}, like="quad/best")
        assert len(numbers) == 5
        study.wait(DEADLINE_S)
        assert study.best is not None and study.best.params == {"x": 2.0}
        rows = study.rows()
        assert [row["number"] for row in rows] == list(range(1, 9))
        assert rows[-1]["x"] == 2.0 and rows[-1]["loss"] == 0.25 and rows[-1]["state"] == "completed"
        frame = study.frame()
        assert frame.shape[0] == 8 and frame["loss"].min() == 0.25
        assert [point.value for point in study.metrics(8, "loss")] == [1.0, 0.5, pytest.approx(1 / 3), 0.25]
        assert len(study.export("jsonl").splitlines()) == 8
        assert study.retry(1).changed == ["quad/9"]
        study.wait(DEADLINE_S)


def test_the_verbs_of_a_morning(tunectl: Tunectl) -> None:
    tunectl("submit", "quad.toml", "--as", "morning", "--wait")
    found = {study["name"]: study for study in tunectl.json("summary", "--client", "test")["studies"]}
    assert found["morning"]["ended"] == {"completed": 2}
    assert "nothing happened" in tunectl("summary", "--client", "test")
    assert "2 completed" in tunectl("summary", "--client", "test", "--since", "1h")
    events = tunectl.json("events", "morning", "--since", "1h")
    assert events[0]["type"] == "study.submitted"
    assert tunectl.json("events", "--since", "0s") == []
    said = tunectl("set", "morning", "question=Where?", "search.parallel=1")
    assert said.splitlines()[:2] == ["question: Where is the minimum? -> Where?", "search.parallel: none -> 1"]
    assert "the points so far were chosen this way" in tunectl("set", "morning", "search.seed=3", code=1)
    document = tunectl.json("export", "morning", "-o", "morning.csv")
    assert document["lines"] == 3 and Path(document["file"]).read_text().startswith("number,state,")
    journal = tunectl("export", "morning", "--format", "optuna").splitlines()
    assert len([line for line in journal if json.loads(line)["op_code"] == 4]) == 2
    assert "add -o FILE" in tunectl("export", "morning", "--json", code=2)
    assert tunectl.json("gpu") == []
    assert "this machine has no GPU" in tunectl("gpu", "yield", "0", "--for", "2h", code=1)
    assert "has no notify command" in tunectl("notify", "morning", code=1)


SCRIPT = """
    from tuned.integrations.sklearn import fit_partially
    import numpy as np
    from sklearn.linear_model import SGDClassifier
    import tuned
    trial = tuned.current_trial()
    inputs = np.random.default_rng(0).normal(size=(90, 3))
    targets = (inputs[:, 0] > 0).astype(int)
    model = SGDClassifier(alpha=trial.params["alpha"], random_state=0)
    fit_partially(model, inputs[:60], targets[:60], validation=(inputs[60:], targets[60:]), steps=3,
                  scoring={"accuracy": "accuracy"})
"""
STUDY = """
    [run]
    script = "fit.py"
    python = "{python}"
    [objective]
    metric = "accuracy"
    direction = "maximize"
    [space]
    alpha = {{ type = "float", low = 1e-5, high = 1e-1, log = true }}
    [search]
    method = "sobol"
    trials = 1
"""


def test_a_trial_finds_the_integrations(tunectl: Tunectl) -> None:
    import sys

    (tunectl.work / "fit.py").write_text(textwrap.dedent(SCRIPT))
    (tunectl.work / "fit.toml").write_text(textwrap.dedent(STUDY).format(python=sys.executable))
    tunectl("submit", "fit.toml", "--wait")
    rows = tunectl.json("metrics", "fit/1", "--name", "accuracy")
    assert [row["step"] for row in rows] == [0, 1, 2]
