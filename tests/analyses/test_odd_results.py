"""Studies with odd results: all equal, or as large as numbers go, are answered in words by every analysis."""

from __future__ import annotations

import warnings
from dataclasses import replace

import pytest

from tests.analyses.made import searched, trial
from tuned.analyses.kinds import KINDS, analysis
from tuned.analyses.question import Question
from tuned.core.errors import InvalidInput

SPACE = {
    "lr": {"type": "float", "low": 1e-4, "high": 1.0, "log": True},
    "act": {"type": "choice", "values": ["relu", "tanh"], "role": "scientific"},
}


@pytest.fixture(scope="module")
def constant():
    return searched(SPACE, lambda _: 0.5, 24)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_analysis_answers_or_says_why_not(constant, kind):
    try:
        answer = analysis(kind)(Question(constant))
    except InvalidInput as refused:
        equal = "all 24 results are equal: nothing has an effect on val_loss"
        assert equal in str(refused) or kind not in ("importance", "slice", "fit")
        return
    assert kind not in ("importance", "slice", "fit"), "a model of equal results is made of nothing"
    if kind == "effects":
        assert "All 24 results are equal: nothing has an effect on val_loss." in answer.notes


@pytest.fixture(scope="module")
def huge():
    """Losses from 1e200 to 1e204, the first three points repeated."""
    data = searched(SPACE, lambda point: 1e200 / float(point["lr"]), 16)
    again = [
        trial(100 + 10 * t.number + seed, [t.values["val_loss"] * (1 + 0.01 * seed)], t.params,
              stage="confirm", retry_of=t.number, seed=seed)
        for t in data.trials[:3] for seed in (1, 2)
    ]  # fmt: skip
    return replace(data, trials=(*data.trials, *again))


@pytest.mark.parametrize("kind", ["confirm", "effects", "fit", "importance", "report", "slice"])
def test_huge_results_overflow_nowhere(huge, kind):
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        answer = analysis(kind)(Question(huge))
    assert "nan" not in repr((answer.tables, answer.notes)) and "of this section failed" not in repr(answer)
