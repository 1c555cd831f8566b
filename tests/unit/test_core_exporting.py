"""A study as tables and as Optuna's journal; where Optuna is installed, it loads what is written."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tuned.core.space import Parameter, SearchSpace
from tuned.core.states import TrialState
from tuned.core.study import Constraint, Objective, RunSpec, SearchSpec, StudySpec
from tuned.core.trials.exporting import csv_lines, json_lines, optuna_lines
from tuned.core.trials.flat_rows import flat
from tuned.core.trials.trial import Observation, Trial

ROOT = Path(__file__).parents[2]
SPEC = StudySpec(
    name="digits",
    run=RunSpec(kind="script", script="/x/train.py"),
    search=SearchSpec(trials=50),
    space=SearchSpace(
        (
            Parameter("lr", "float", 1e-4, 1e-1, log=True),
            Parameter("width", "int", 1, 64),
            Parameter("act", "choice", values=("relu", "tanh")),
            Parameter("amp", "bool", values=(False, True)),
            Parameter("seed", "fixed", values=(3,)),
        )
    ),
    objectives=(Objective("loss", "minimize"),),
    constraints=(Constraint("ms", at_most=20.0),),
    question="Which?",
)
POINT: dict[str, Any] = {"lr": 0.01, "width": 32, "act": "tanh", "amp": True, "seed": 3}


def trial(number: int, state: TrialState, **values: float) -> Trial:
    return Trial(
        id=number, study_id=1, study="digits", number=number, state=state, params=POINT, values=values, priority=0,
        origin="sobol", why="", attempt=1, stop_reason=None, failure=None, reason="", device="cpu:0", seed=9,
        stage="search", last_step=None, created_at=1.7e9, started_at=1.7e9, ended_at=1.7e9 + 60,
    )  # fmt: skip


TRIALS = [
    trial(1, TrialState.COMPLETED, loss=0.5, ms=10.0),
    trial(2, TrialState.CANCELLED),
    trial(3, TrialState.PRUNED, loss=0.9, ms=30.0),
    trial(4, TrialState.COMPLETED, loss=float("nan")),
    trial(5, TrialState.FAILED),
    trial(6, TrialState.RUNNING, loss=0.1),
]
SEEN = [
    Observation("loss", 0.0, 0.8, None, 1),
    Observation("loss", 1.0, 0.7, None, 1),
    Observation("loss", 2.0, 0.65, None, 1),
    Observation("loss", 1.0, 0.6, None, 2),
    Observation("loss", 2.5, 0.5, None, 2),
]


def journal() -> str:
    return "".join(optuna_lines(SPEC, [(t, SEEN if t.number == 1 else ()) for t in TRIALS]))


def test_a_table_has_every_parameter_and_metric() -> None:
    lines = csv_lines(SPEC, [(t, {"acc": 0.25, "loss": 9}) for t in TRIALS], ["acc", "loss"])
    rows = list(csv.DictReader(io.StringIO("".join(lines))))
    assert [row["number"] for row in rows] == ["1", "2", "3", "4", "5", "6"]
    assert (rows[0]["params.lr"], rows[0]["params.act"], rows[0]["values.loss"], rows[0]["seed"]) == (
        "0.01", "tanh", "0.5", "9",
    )  # fmt: skip
    assert [row["breaks"] for row in rows] == ["", "", "ms <= 20 (30)", "", "", ""]
    assert (rows[4]["values.loss"], rows[0]["values.acc"]) == ("", "0.25")
    assert len(next(csv_lines(SPEC, [], ["acc"])).split(",")) == len(rows[0])


def test_json_lines_carry_what_is_not_finite_as_words() -> None:
    rows = [json.loads(line) for line in json_lines(SPEC, ((t, {"acc": 0.25}) for t in TRIALS))]
    assert rows[3]["metrics"] == {"acc": 0.25}
    assert rows[2]["breaks"] == ["ms <= 20 (30)"] and rows[0]["breaks"] == []
    assert rows[3]["values"] == {"loss": "nan"} and rows[0]["params"] == POINT


def test_one_level_keeps_names_apart() -> None:
    row = {"number": 1, "state": "completed", "params": POINT, "values": {"loss": "nan", "lr": 2.0}, "seed": 9}
    found = flat({**row, "metrics": {"loss": 7.0, "acc": 0.5}})
    assert found["acc"] == 0.5, "every metric is a column"
    assert (found["seed"], found["params.seed"], found["params.lr"], found["lr"]) == (9, 3, 0.01, 2.0)
    assert found["loss"] != found["loss"]


def test_the_journal_says_what_ended_and_how() -> None:
    lines = [json.loads(line) for line in journal().splitlines()]
    assert [line["op_code"] for line in lines] == [0, 2, 4, 4, 4, 4]
    trials = lines[2:]
    assert [t["user_attrs"]["tuned_number"] for t in trials] == [1, 3, 4, 5]
    assert [(t["state"], t["value"]) for t in trials] == [(1, 0.5), (2, 0.9), (3, None), (3, None)]
    assert trials[0]["intermediate_values"] == {"0": 0.8, "1": 0.6}, "a later attempt replaces from its first step on"
    assert [t["system_attrs"] for t in trials] == [{"constraints": [-10.0]}, {"constraints": [10.0]}, {}, {}]
    assert trials[0]["params"] == {"lr": 0.01, "width": 32.0, "act": 1.0, "amp": 1.0, "seed": 0.0}


LOAD = """
import json, sys
try:
    import optuna
except ImportError:
    sys.exit(77)
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
study = optuna.load_study(study_name="digits", storage=JournalStorage(JournalFileBackend(sys.argv[1])))
study.enqueue_trial({"lr": 0.02})
study.optimize(lambda t: t.suggest_float("lr", 1e-4, 1e-1, log=True), n_trials=1)
print(json.dumps({
    "best": [study.best_value, study.best_params, study.best_trial.intermediate_values],
    "states": [t.state.name for t in study.trials],
    "direction": study.direction.name,
    "last": study.trials[-1].params,
}))
"""


def test_optuna_loads_it_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    path.write_text(journal())
    paths = [str(ROOT / ".peers"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": ":".join(filter(None, paths))}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOAD, str(path)], capture_output=True, text=True, env=environment
    )
    if done.returncode == 77:
        pytest.skip("Optuna is not installed here")
    assert done.returncode == 0, done.stderr
    loaded = json.loads(done.stdout)
    assert loaded["best"] == [0.02, {"lr": 0.02}, {}]
    assert loaded["states"] == ["COMPLETE", "PRUNED", "FAIL", "FAIL", "COMPLETE"]
    assert (loaded["direction"], loaded["last"]) == ("MINIMIZE", {"lr": 0.02})


def test_several_objectives_have_several_values() -> None:
    spec = replace(SPEC, objectives=(Objective("loss", "minimize"), Objective("acc", "maximize")), constraints=())
    both = trial(1, TrialState.COMPLETED, loss=0.5, acc=0.9)
    lines = [json.loads(line) for line in optuna_lines(spec, [(both, SEEN)])]
    assert lines[0]["directions"] == [1, 2]
    assert (lines[2]["value"], lines[2]["values"], lines[2]["intermediate_values"]) == (None, [0.5, 0.9], {})
