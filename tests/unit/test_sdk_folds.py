from __future__ import annotations

import json
import math
import random

import pytest

from tuned.sdk.daemon_trial import DaemonTrial
from tuned.sdk.folds import _shuffle, fold_parts, mean_and_sem
from tuned.sdk.local_trial import LocalTrial


@pytest.fixture
def trial(tmp_path, monkeypatch):
    env = {
        "TUNED_PARAMS": "{}", "TUNED_NUMBER": "1", "TUNED_SEED": "7", "TUNED_ATTEMPT_NUMBER": "1",
        "TUNED_STAGE": "search", "TUNED_RESUMED": "", "TUNED_DEVICE": "cpu:0",
        "TUNED_CHECKPOINT_DIR": str(tmp_path / "checkpoint"), "TUNED_WORK": str(tmp_path / "work"),
        "TUNED_STOP": str(tmp_path / "stop.json"), "TUNED_METRICS": str(tmp_path / "metrics.jsonl"),
        "TUNED_RUN_DIR": str(tmp_path),
    }  # fmt: skip
    return DaemonTrial(env)


def reported(tmp_path):
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k != "_time"} for line in lines if "sdk" not in line]


def test_folds_hold_out_every_example_once_and_are_the_same_everywhere():
    labels = [i % 3 for i in range(30)]
    parts = fold_parts(30, 5, labels)
    assert sorted(parts) == sorted(list(range(1, 6)) * 6)
    for fold in range(1, 6):
        assert sorted(labels[i] for i in range(30) if parts[i] == fold) == [0, 0, 1, 1, 2, 2]
    order, same = list(range(101)), list(range(101))
    _shuffle(order, "folds 5")
    random.Random("folds 5").shuffle(same)
    assert order == same, "the split of earlier versions"
    state = random.getstate()
    assert fold_parts(30, 5, labels) == parts and random.getstate() == state
    for wrong in ((3, 5, None), (5, 5, [1])):
        with pytest.raises(ValueError, match=r"folds|labels"):
            fold_parts(*wrong)


def test_the_trial_gets_the_mean_over_its_folds_at_each_step(trial, tmp_path):
    for fold in trial.folds(3):
        train, valid = fold.split(9)
        assert len(train) == 6 and len(valid) == 3 and not set(train) & set(valid)
        for step in range(2 if fold.number == 1 else 3):
            fold.report(step=step, loss=fold.number + step)
    found = reported(tmp_path)
    assert found[0] == {"fold1/loss": 1, "step": 0}
    assert [line for line in found if "folds/loss" in line] == [
        {"folds/loss": 2.0, "step": 1},
        {"folds/loss": 4.0, "step": 2},
        {"folds/loss": 5.0, "step": 3},
    ]
    # The third step is not there in every fold, so no mean of it would be the same folds' mean.
    sem = math.sqrt(1 / 3)
    assert found[-2:] == [
        {"loss": 2.0, "loss_sem": pytest.approx(sem), "step": 0},
        {"loss": 3.0, "loss_sem": pytest.approx(sem), "step": 1},
    ]


def test_one_value_a_fold_needs_no_step(trial, tmp_path):
    for fold in trial.folds(2):
        fold.report(accuracy=fold.number / 2)
    assert reported(tmp_path)[-1] == {"accuracy": 0.75, "accuracy_sem": pytest.approx(0.25)}


def test_no_further_fold_once_it_is_time_to_stop(trial, tmp_path):
    seen = []
    for fold in trial.folds(4):
        seen.append(fold.number)
        fold.report(loss=1.0)
        if fold.number == 2:
            (tmp_path / "stop.json").write_text("{}")
    assert seen == [1, 2]
    assert reported(tmp_path)[-1]["loss"] == 1.0


def test_a_script_that_runs_alone_has_folds_too(capsys):
    for fold in LocalTrial().folds(2):
        fold.report(loss=float(fold.number))
    assert "loss 1.5" in capsys.readouterr().out
    with pytest.raises(ValueError, match="at least 2"):
        list(LocalTrial().folds(1))
    assert math.isnan(mean_and_sem([1.0])[1])
