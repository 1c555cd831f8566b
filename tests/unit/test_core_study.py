from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tuned.core.space import Parameter, SearchSpace
from tuned.core.study import Objective, Pattern, RunSpec, SearchSpec, StudySpec

ROOT = Path(__file__).parents[2]

SPEC = StudySpec(
    name="digits",
    run=RunSpec(
        "script",
        script="/x/train.py",
        script_typed="train.py",
        args=("--lr", "{lr}", ("--dropout", "{dropout}")),
        python="/usr/bin/python3",
        python_why="on PATH",
        cwd="/x",
        env={"OMP_NUM_THREADS": "1"},
        preload=("torch",),
        timeout=7200.0,
        retries={"lost": 1, "error": 0},
        gpus=0.5,
    ),
    search=SearchSpec("bayesian", 50, 3600.0, 2, 7, (("baseline", {"lr": 3e-4, "amp": True}), ("", {"lr": 1.0}))),
    space=SearchSpace(
        (
            Parameter("lr", "float", 1e-5, 1.0, log=True),
            Parameter("amp", "bool", values=(False, True)),
            Parameter("dropout", "float", 0.0, 0.5, when=(("amp", (True,)),)),
        )
    ),
    objectives=(Objective("val_loss", "minimize", "mean_last", 5, "train_loss"), Objective("size", "maximize")),
    patterns=(Pattern(r"loss (?P<val_loss>\S+)"), Pattern("x", "stderr")),
    question="Which?",
    priority=3,
    file="/x/digits.toml",
)


def through_json(spec: StudySpec) -> StudySpec:
    return StudySpec.from_dict(json.loads(json.dumps(spec.to_dict())))


def test_a_specification_survives_json():
    again = through_json(SPEC)
    assert again == SPEC
    assert again.run.args[2] == ("--dropout", "{dropout}")
    assert again.run.preload == ("torch",)
    assert again.content_hash() == SPEC.content_hash()
    assert SPEC.differences(again) == []


def test_the_least_specification_survives_json():
    least = StudySpec("s", RunSpec("command", command=("./a", ("b", "{c}"))), SearchSpec())
    assert through_json(least) == least
    assert least.objective is None
    assert SPEC.objective == SPEC.objectives[0]


def test_the_hash_is_the_same_in_every_process():
    program = (
        "import json, sys; from tuned.core.study import StudySpec\n"
        "print(StudySpec.from_dict(json.load(sys.stdin)).content_hash())"
    )
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", program],
            input=json.dumps(SPEC.to_dict()),
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == SPEC.content_hash()


@pytest.mark.parametrize("change", [{"priority": 9}, {"file": None}, {"run": replace(SPEC.run, python_why="guessed")}])
def test_what_does_not_count_as_content(change):
    other = replace(SPEC, **change)
    assert other.content_hash() == SPEC.content_hash()
    assert SPEC.differences(other) == []


SPACE = SPEC.space.parameters


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"name": "other"}, "name"),
        ({"question": ""}, "question"),
        ({"search": replace(SPEC.search, trials=80)}, "search.trials"),
        ({"search": replace(SPEC.search, trials=None)}, "search.trials"),
        ({"search": replace(SPEC.search, points=SPEC.search.points[:1])}, "search.point"),
        ({"search": replace(SPEC.search, seed=True)}, "search.seed"),
        ({"run": replace(SPEC.run, env={})}, "run.env"),
        ({"run": replace(SPEC.run, env={"A": "1"})}, "run.env.A"),
        ({"run": replace(SPEC.run, args=SPEC.run.args[:2])}, "run.args"),
        ({"run": replace(SPEC.run, args=("--lr", "{lr}", "--dropout", "{dropout}"))}, "run.args"),
        ({"run": replace(SPEC.run, preload=None)}, "run.preload"),
        ({"run": replace(SPEC.run, preload=())}, "run.preload"),
        ({"run": replace(SPEC.run, retries={"lost": 1})}, "run.retries.error"),
        ({"run": replace(SPEC.run, gpus=None)}, "run.resources.gpus"),
        ({"space": SearchSpace(SPACE[:1])}, "space.amp"),
        ({"space": SearchSpace((replace(SPACE[0], low=1e-6), *SPACE[1:]))}, "space.lr.low"),
        ({"space": SearchSpace((SPACE[1], SPACE[0], SPACE[2]))}, "space"),
        ({"space": SearchSpace((SPACE[0], replace(SPACE[1], values=(0, 1)), SPACE[2]))}, "space.amp.values"),
        ({"objectives": SPEC.objectives[:1]}, "objective"),
        ({"objectives": SPEC.objectives[::-1]}, "objective"),
        ({"patterns": ()}, "metrics.patterns"),
        ({"patterns": (replace(SPEC.patterns[0], stream="stdout"), SPEC.patterns[1])}, "metrics.patterns"),
    ],
)
def test_every_change_of_content_changes_the_hash_and_is_named(change, path):
    other = replace(SPEC, **change)
    assert other.content_hash() != SPEC.content_hash()
    said = SPEC.differences(other)
    assert any(line.startswith(path) for line in said), said
    assert other.differences(SPEC)


def test_a_difference_reads_as_old_and_new():
    assert SPEC.differences(replace(SPEC, search=replace(SPEC.search, trials=80))) == ["search.trials: 50 -> 80"]


@pytest.mark.parametrize(("direction", "better", "worse"), [("minimize", 0.1, 0.2), ("maximize", 0.2, 0.1)])
def test_better_is_strict(direction, better, worse):
    objective = Objective("m", direction)
    assert objective.better(better, worse)
    assert not objective.better(worse, better)
    assert not objective.better(better, better)
    assert not objective.better(float("nan"), worse)
