"""What trials tell of the data: its size, examples, classes and duplicates."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.analyses.made import searched, study, trial
from tuned.analyses.examples.data import data
from tuned.analyses.examples.data_size import data_size, size_curve
from tuned.analyses.examples.duplicates import duplicates, shared_examples
from tuned.analyses.examples.hard_examples import class_table, example_verdicts, hard_table, panel
from tuned.analyses.examples.predictions import DataHashes
from tuned.analyses.question import Question
from tuned.analyses.study_data import StudyData
from tuned.sdk import predictions

FRACTIONS = {"type": "choice", "values": [0.125, 0.25, 0.5, 1.0], "ordered": True}
X = {"type": "float", "low": 0.0, "high": 1.0}


def sized(floor: float, scale: float, power: float, spread: float) -> StudyData:
    """A study whose loss follows a power law of the data, and depends on another parameter by `spread`."""

    def loss(point: Any) -> float:
        return float(floor + scale * point["fraction"] ** -power + spread * (point["x"] - 0.5) ** 2)

    return searched({"fraction": FRACTIONS, "x": X}, loss, 64)


def test_a_power_law_is_found_again() -> None:
    curve = size_curve(sized(0.2, 0.1, 0.5, 0.0))
    assert curve is not None
    assert (curve.floor, curve.power) == pytest.approx((0.2, 0.5), abs=0.05)
    assert curve.doubling == pytest.approx(0.1 * (1 - 2**-0.5), rel=0.1)
    assert np.allclose(curve.fitted, curve.bests, atol=1e-3)


@pytest.mark.parametrize(
    ("scale", "spread", "remedy"), [(0.3, 0.01, "More data is worth more"), (0.001, 30.0, "More search is worth more")]
)
def test_data_or_trials(scale: float, spread: float, remedy: str) -> None:
    (verdict,) = data_size(sized(0.1, scale, 0.5, spread))
    assert verdict.remedy.startswith(remedy), verdict
    assert "Doubling the data" in verdict.what and verdict.evidence["doubling_data"] >= 0


def test_an_accuracy_has_no_floor_below_zero_errors() -> None:
    made = sized(0.0, 0.1, 0.5, 0.0)
    accurate = [replace(t, values={"val_loss": 1 - t.values["val_loss"]}) for t in made.trials]
    objective = replace(made.spec.objectives[0], direction="maximize")
    curve = size_curve(replace(made, trials=tuple(accurate), spec=replace(made.spec, objectives=(objective,))))
    assert curve is not None
    assert curve.floor <= 1 and curve.doubling == pytest.approx(0.1 * (1 - 2**-0.5), rel=0.15)


def test_no_size_no_curve() -> None:
    assert size_curve(searched({"x": X}, lambda p: float(p["x"]), 8)) is None
    assert list(data_size(searched({"x": X}, lambda p: float(p["x"]), 8))) == []


def said(tmp_path: Path, *models: Any, targets: Any, ids: Any = None) -> StudyData:
    """A study whose trials saved these probabilities, the best first."""
    trials = []
    for number, probabilities in enumerate(models, 1):
        folder = tmp_path / str(number)
        order = None if ids is None else ids[number - 1]
        predictions.save(str(folder / "predictions"), "validation", probabilities, targets, order, None)
        trials.append(trial(number, [float(number)] * 5, run_dir=str(folder)))
    return study(trials)


SURE, UNSURE = [0.95, 0.05], [0.4, 0.6]


def test_examples_that_all_get_wrong_and_doubtful_targets(tmp_path: Path) -> None:
    models = [[SURE, SURE, UNSURE, SURE[::-1]], [SURE, SURE, SURE, SURE[::-1]], [SURE, SURE, UNSURE, SURE[::-1]]]
    made = said(tmp_path, *models, targets=[0, 1, 1, 1])
    found, trouble = panel(made)
    assert found is not None and not trouble
    (row,) = hard_table(found).rows
    assert row[:4] == ("#1", "1", "0", 3) and row[4] == pytest.approx(0.95)
    classes = class_table(found)
    assert classes is not None
    assert [r[:5] for r in classes.rows] == [("0", 1, 0.25, 0.0, 0.0), ("1", 3, 0.75, pytest.approx(1 / 3), 1 / 3)]
    (verdict,) = example_verdicts(made)
    assert verdict.code == "data.doubtful-targets" and verdict.evidence == {"examples": 1, "first": "#1"}


def test_ids_bring_examples_into_one_order(tmp_path: Path) -> None:
    first = [SURE, SURE[::-1]]
    made = study(
        [
            trial(1, [1.0] * 5, run_dir=str(tmp_path / "1")),
            trial(2, [2.0] * 5, run_dir=str(tmp_path / "2")),
            trial(3, [3.0] * 5, run_dir=str(tmp_path / "3")),
        ]
    )
    predictions.save(str(tmp_path / "1/predictions"), "validation", first, [0, 1], ["a", "b"], None)
    predictions.save(str(tmp_path / "2/predictions"), "validation", first[::-1], [1, 0], ["b", "a"], None)
    predictions.save(str(tmp_path / "3/predictions"), "validation", first, [0, 1], ["a", "c"], None)
    found, _ = panel(made)
    assert found is not None
    assert (found.said[0] == found.said[1]).all() and found.left_out == (3,)
    assert [v.code for v in example_verdicts(made)] == ["data.examples-differ"]


def test_numbers_are_ranked_by_how_far_off(tmp_path: Path) -> None:
    found, _ = panel(said(tmp_path, [1.0, 2.0, 9.0], [1.5, 2.0, 8.0], targets=[1.0, 2.5, 3.0]))
    assert found is not None and class_table(found) is None
    rows = hard_table(found).rows
    assert rows[0] == ("#2", 3.0, 8.5, 5.0) and rows[1][0] == "#1"


def test_accuracy_on_uneven_classes_is_named(tmp_path: Path) -> None:
    made = said(tmp_path, [SURE] * 20, [SURE] * 20, targets=[0] * 19 + [1])
    assert [v.level for v in example_verdicts(made)] == ["info"]
    objective = replace(made.spec.objectives[0], metric="val_accuracy")
    trials = tuple(replace(t, values={"val_accuracy": t.values["val_loss"]}) for t in made.trials)
    accurate = replace(made, trials=trials, spec=replace(made.spec, objectives=(objective,)))
    (verdict,) = example_verdicts(accurate)
    assert (verdict.level, verdict.code) == ("warn", "data.uneven-classes")


def hashed(*values: int, targets: Any = None) -> DataHashes:
    return DataHashes(np.array(values, dtype=np.uint64), None if targets is None else np.array(targets), None)


def test_shared_examples_and_contradictions() -> None:
    splits = {
        "validation": hashed(7, 2, 8, targets=[0, 1, 0]),
        "train": hashed(1, 2, 3, 3, 7, targets=[0, 1, 1, 0, 1]),
    }
    leak, repeats = shared_examples(splits)
    assert (leak.split, leak.other, leak.places, leak.contradictions) == ("validation", "train", ((0, 4), (1, 1)), 1)
    assert (repeats.split, repeats.other, repeats.places, repeats.contradictions) == ("train", "train", ((3, 2),), 1)


def test_trials_that_are_judged_on_other_examples(tmp_path: Path) -> None:
    for number, first in ((1, 0), (2, 2)):
        folder = str(tmp_path / str(number) / "predictions")
        predictions.save_hashes(folder, "validation", np.arange(first, first + 4)[:, None], None, None)
    made = study([trial(n, [1.0] * 5, run_dir=str(tmp_path / str(n))) for n in (1, 2)])
    (verdict,) = duplicates(made)
    assert (verdict.code, verdict.trials) == ("data.split-differs", (1, 2))
    assert verdict.evidence["same"] == pytest.approx(2 / 6)


def test_without_anything_it_says_how_to_get_it() -> None:
    answer = data(Question(searched({"x": X}, lambda p: float(p["x"]), 8)))
    assert not answer.tables and not answer.verdicts
    text = " ".join(answer.notes)
    assert all(word in text for word in ("save_predictions", "data_hashes", "fraction"))
