from __future__ import annotations

from dataclasses import replace

import pytest

from tuned.core.errors import InvalidInput
from tuned.core.final.confirming import candidates, interleaved
from tuned.core.final.length import best_length, final_point
from tuned.core.playbook.spec import Finalize
from tuned.core.search.fold_stop import hopeless
from tuned.core.space import Parameter, SearchSpace
from tuned.core.states import TrialState
from tuned.core.study import Objective
from tuned.core.trials.trial import Trial

LOSS = Objective("loss", "minimize")
SPACE = SearchSpace((Parameter("lr", "float", 0.0, 1.0), Parameter("epochs", "fixed", values=(10,))))


def trial(number: int, lr: float, state: TrialState = TrialState.COMPLETED) -> Trial:
    return Trial(
        number, 1, "s", number, state, {"lr": lr}, {"loss": lr}, 0, "sobol", "", 1, None, None, "", "", 0, "search",
        None, 0.0, None, None,
    )  # fmt: skip


def test_candidates_are_the_first_different_points():
    ranked = [trial(2, 0.1), trial(3, 0.1), trial(4, 0.2), trial(5, 0.3)]
    assert [t.number for t in candidates(ranked, 2, None)] == [2, 4]
    assert [t.number for t in candidates(ranked, 3, trial(9, 0.1))] == [4, 5]
    with pytest.raises(InvalidInput, match="no trial but those of the baseline's point, trial 7"):
        candidates([trial(1, 0.1)], 2, trial(7, 0.1))


def test_repetitions_are_interleaved_and_none_is_always_first():
    runs = interleaved([trial(1, 0.1), trial(2, 0.2), trial(3, 0.3)], 5, 3)
    assert [r.seed for r in runs] == [5, 5, 5, 6, 6, 6, 7, 7, 7]
    assert {r.trial.number for r in runs[:3]} == {1, 2, 3}
    assert [runs[i].trial.number for i in (0, 3, 6)] == [3, 1, 2]


@pytest.mark.parametrize(
    ("objective", "curve", "length"),
    [
        (LOSS, [(0, 3.0), (1, 1.0), (2, 2.0)], 2),
        (LOSS, [(1, 3.0), (2, 1.0), (3, 1.0)], 2),
        (replace(LOSS, direction="maximize"), [(0, 3.0), (1, 1.0)], 1),
        (replace(LOSS, summary="last"), [(0, 1.0), (1, 2.0), (2, float("nan"))], 2),
        (LOSS, [(0, float("nan"))], None),
        (LOSS, [], None),
    ],
)
def test_how_long_a_run_had_trained_at_its_best(objective, curve, length):
    assert best_length(objective, curve) == length


def test_the_final_length_is_the_median_and_batches_grow_with_the_data():
    curves = [[(s, abs(s - best)) for s in range(10)] for best in (2, 4, 9)]
    params = {"lr": 0.1, "epochs": 10}
    assert final_point(Finalize(length="epochs"), LOSS, SPACE, params, curves)[0] == {"lr": 0.1, "epochs": 5}
    steps = Finalize(length="epochs", unit="steps", train_fraction=0.8)
    point, why = final_point(steps, LOSS, SPACE, params, curves)
    assert point["epochs"] == 6 and "1 / 0.8" in why
    # Passes over the data stay as many: a pass over all of it is longer by itself.
    epochs = Finalize(length="epochs", unit="epochs", train_fraction=0.8)
    assert final_point(epochs, LOSS, SPACE, params, curves)[0]["epochs"] == 5
    assert final_point(None, LOSS, SPACE, params, curves)[0] == params
    assert final_point(steps, LOSS, SPACE, params, [])[0] == params


def test_a_trial_is_hopeless_when_its_folds_are_worse_one_by_one():
    best = {1: 0.10, 2: 0.50, 3: 0.30, 4: 0.2}
    assert hopeless({1: 0.2}, best, "minimize", "loss") == ""  # one fold says nothing
    assert "after 2 folds" in hopeless({1: 0.20, 2: 0.601}, best, "minimize", "loss")
    # Worse on average, but by one fold alone.
    assert hopeless({1: 0.10, 2: 0.90, 3: 0.30}, best, "minimize", "loss") == ""
    assert hopeless({1: 0.09, 2: 0.49, 3: 0.29}, best, "minimize", "loss") == ""
    assert hopeless({1: 0.09, 2: 0.489, 3: 0.29}, best, "maximize", "accuracy")
    assert "fold 2 gave loss nan" in hopeless({1: 0.1, 2: float("nan")}, best, "minimize", "loss")
    assert hopeless({1: 0.9, 2: 0.9}, {}, "minimize", "loss") == ""
