"""A study whose results are all equal is answered in words by every analysis."""

from __future__ import annotations

import pytest

from tests.analyses.made import searched
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
        assert str(refused)
        return
    if kind == "effects":
        assert "All 24 results are equal: nothing has an effect on val_loss." in answer.notes
