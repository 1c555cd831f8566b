"""Importance, slices, contours and the fit behind them, on functions whose answer is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tuned.analyses.models.functions import Functions
from tuned.analyses.models.kernels import drawn
from tuned.analyses.parameters.importance import fit, importance
from tuned.analyses.parameters.slices import contour, slice_
from tuned.analyses.question import Question
from tuned.analyses.study_data import StudyData, TrialData
from tuned.core.errors import InvalidInput
from tuned.core.search.design import design_point
from tuned.core.space import Point
from tuned.core.study import Objective, RunSpec, SearchSpec, StudySpec
from tuned.core.study_file.space_file import parse_space

SPACE = parse_space(
    {
        "strong": {"type": "float", "low": 1e-4, "high": 1.0, "log": True},
        "weak": {"type": "int", "low": 1, "high": 100},
        "nothing": {"type": "float", "low": 0.0, "high": 1.0},
        "kind": ["a", "b", "c"],
        "extra": {"type": "float", "low": 0.0, "high": 1.0, "when": {"kind": "b"}},
    }
)


def value(point: Point, noise: float) -> float:
    far = (np.log10(float(point["strong"])) + 2) ** 2
    return float(2 * far + 0.004 * float(point["weak"]) + {"a": 0.0, "b": 0.5, "c": 1.0}[str(point["kind"])] + noise)


def study(n: int = 40, noise: float = 0.01, scale: float = 1.0) -> StudyData:
    rng = np.random.default_rng(0)
    trials = []
    for i in range(n):
        point = design_point(SPACE, 0, i)
        result = scale * value(point, noise * rng.standard_normal())
        trials.append(TrialData(i + 1, point, "completed", {"loss": result}))
    direction: Any = "minimize" if scale > 0 else "maximize"
    spec = StudySpec("s", RunSpec("command"), SearchSpec(), SPACE, (Objective("loss", direction),))
    return StudyData("s", spec, tuple(trials))


def test_importance_finds_what_matters_and_says_how_sure_it_is() -> None:
    (table,) = importance(Question(study())).tables
    rows = {row[0]: row for row in table.rows}
    assert [row[0] for row in table.rows][:2] == ["strong", "kind"]
    assert rows["strong"][1] > 0.8 and 0.01 < rows["kind"][1] < 0.2 and rows["nothing"][1] < 0.02
    for _, whole, (low, high), alone, _ in table.rows:
        assert 0 <= low <= whole <= high <= 1 and 0 <= alone <= whole + 0.05
    flipped = importance(Question(study(scale=-1000.0))).tables[0]
    assert flipped.rows[0][1] == pytest.approx(rows["strong"][1], abs=0.02)


def test_the_fit_is_judged_by_trials_left_out() -> None:
    answer = fit(Question(study()))
    measures = {row[0]: row[1] for row in answer.tables[0].rows}
    assert not answer.verdicts and measures["rank correlation"] > 0.9 and measures["within 95 %"] > 0.8
    figure = answer.to_dict()["figures"]["fit"]
    assert len(figure["predicted"]) == len(figure["result"]) == 40
    weak = fit(Question(study(noise=100.0)))
    assert [verdict.code for verdict in weak.verdicts] == ["model.weak"]
    assert importance(Question(study(noise=100.0))).verdicts == weak.verdicts, "what the fit doubts, importance tells"


def test_leaving_one_out_is_what_a_model_without_it_says() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.random((20, 2)), rng.normal(size=20)
    kernels, others = drawn(x, y)[:3], np.arange(20) != 4
    without = Functions(x[others], y[others], kernels)
    mean, spread = without.moments(x[4:5])
    (alone, noisy) = (figure[4] for figure in Functions(x, y, kernels).left_out())
    assert alone == pytest.approx(mean[0])
    assert noisy**2 == pytest.approx(spread[0] ** 2 + kernels.noise.mean(), rel=1e-4)


def test_slices_and_contours_find_the_valley() -> None:
    answer = slice_(Question(study(), {"param": "strong"}))
    figure = answer.figures["slice"]["strong"]
    assert figure["values"][int(np.argmin(figure["mean"]))] == pytest.approx(0.01, rel=1.0)
    assert figure["values"][int(np.argmin(figure["average"]))] == pytest.approx(0.01, rel=1.0)
    assert len(figure["trials"]["number"]) == 40 and len(answer.tables[0].rows) == 9
    over = contour(Question(study(), {"params": "strong,kind"})).to_dict()["figures"]["contour"]
    mean = np.array(over["mean"])
    assert mean.shape == (3, len(over["x"])) and over["y"] == ["a", "b", "c"]
    assert (mean[0] < mean[2]).mean() > 0.8
    # A conditional parameter is looked at where it is active.
    assert slice_(Question(study(), {"param": "extra"})).figures["slice"]["extra"]["at"]["kind"] == "b"


def test_what_cannot_be_answered_is_refused() -> None:
    for question, ask in (
        (Question(study(5)), importance),
        (Question(study(), {"metric": "accuracy"}), fit),
        (Question(study(), {"param": "nobody"}), slice_),
        (Question(study(), {"params": "strong"}), contour),
    ):
        with pytest.raises(InvalidInput):
            ask(question)


def test_converged_trials_are_results_and_those_that_a_full_disk_cut_are_none() -> None:
    data = study(20)
    converged = tuple(replace(t, state="pruned", stopped_by="patience") for t in data.trials)
    assert fit(Question(replace(data, trials=converged))).tables == fit(Question(data)).tables
    cut = tuple(replace(t, stopped_by="disk") for t in data.trials[:-3])
    with pytest.raises(InvalidInput, match="it has 3 finished trials"):
        fit(Question(replace(data, trials=(*cut, *data.trials[-3:]))))
