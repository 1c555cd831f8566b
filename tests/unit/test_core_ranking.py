from __future__ import annotations

import math
from dataclasses import dataclass, field

import pytest

from tuned.core.ranking import Ranking, Tier, cut_short
from tuned.core.states import TERMINAL, StoppedBy, TrialState
from tuned.core.study import Constraint


@dataclass(frozen=True)
class One:
    number: int
    loss: object = 0.5
    state: str = "completed"
    stopped_by: str = ""
    stage: str = "search"
    more: dict[str, float] = field(default_factory=dict)

    @property
    def values(self):
        return {"loss": self.loss, **self.more}


LOSS = Ranking("loss")


def numbers(trials, ranking=LOSS):
    return [trial.number for trial in ranking.ranked(trials)]


def test_a_partial_value_never_stands_before_a_whole_one():
    easy_folds = One(1, 0.48, "pruned", "folds")
    pruned_early = One(2, 0.10, "pruned", "rung")
    by_hand = One(3, 0.01, "pruned", "user")
    with_study = One(4, 0.02, "pruned", "study")
    whole, converged = One(5, 0.66), One(6, 0.60, "pruned", "patience")
    assert numbers([easy_folds, pruned_early, by_hand, with_study, whole, converged]) == [6, 5]
    assert numbers([easy_folds, pruned_early, by_hand]) == [3, 2, 1]
    assert [cut_short(t) for t in (easy_folds, whole, converged)] == [True, False, False]


@pytest.mark.parametrize("by", list(StoppedBy))
def test_only_patience_counts_as_an_end_of_its_own(by):
    expected = Tier.WHOLE if by is StoppedBy.PATIENCE else Tier.CUT
    assert LOSS.tier(One(1, state="pruned", stopped_by=by)) is expected


def test_failed_infeasible_diverged_and_repeated_trials_have_no_rank_and_come_last():
    ranking = Ranking("loss", "maximize", (Constraint("ms", at_most=20),))
    trials = [
        One(1, 0.9, more={"ms": 21}),
        One(2, 0.9, more={"ms": math.nan}),
        One(3, math.inf),
        One(4, "nan"),
        One(5, 0.99, stage="confirm"),
        *[One(10 + i, 0.95, state) for i, state in enumerate(sorted(set(TrialState) - {"completed", "pruned"}))],
        One(40, 0.7),
        One(41, 0.8, more={"ms": 20}),
        One(42, 0.8),
        One(43, 0.9, "pruned", "rung"),
    ]
    assert numbers(trials, ranking) == [41, 42, 40]
    listed = [trial.number for trial in sorted(trials, key=ranking.key)]
    assert listed[:4] == [41, 42, 40, 43] and listed[4:] == sorted(listed[4:])
    assert set(TrialState) > TERMINAL


def test_without_an_objective_nothing_is_ranked():
    assert numbers([One(1), One(2)], Ranking(None)) == []
