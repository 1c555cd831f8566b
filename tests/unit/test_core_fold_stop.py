"""The error of stopping by folds, over all looks, and what it still stops."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tuned.core.search.fold_stop import best_of_normal, exceeds, hopeless


def stopped(folds: int, rivals: int, worse: float, trials: int = 300) -> float:
    """Share of trials stopped that are worse by so many deviations than the true level of `rivals` equal ones."""
    rng = np.random.default_rng([folds, rivals, int(10 * worse)])
    count = 0
    for _ in range(trials):
        hard = rng.normal(size=folds)
        others = hard + 0.3 * rng.normal(size=(rivals, folds))
        best = dict(enumerate(others[int(np.argmin(others.mean(axis=1)))].tolist()))
        mine = (hard + 0.3 * worse + 0.3 * rng.normal(size=folds)).tolist()
        seen = (dict(enumerate(mine[:n])) for n in range(2, folds))
        count += any(hopeless(own, best, "minimize", "loss", rivals) for own in seen)
    return count / trials


@pytest.mark.parametrize("folds", [3, 5, 10])
@pytest.mark.parametrize("rivals", [1, 20])
def test_an_equal_trial_is_stopped_in_at_most_one_of_twenty_over_all_looks(folds: int, rivals: int) -> None:
    assert stopped(folds, rivals, 0.0) <= 0.05 + 2 * (0.05 * 0.95 / 300) ** 0.5


def test_a_clearly_worse_trial_is_stopped() -> None:
    assert stopped(5, 20, 12.0, 50) > 0.9 and stopped(10, 20, 6.0, 50) > 0.9


def test_the_tail_is_that_of_the_noncentral_t() -> None:
    for t, freedom, shift in ((1.0, 1, 0.5), (3.0, 4, 1.5), (8.0, 2, 1e-9), (2.0, 9, 0.3)):
        assert exceeds(t, freedom, shift) == pytest.approx(stats.nct.sf(t, freedom, shift), rel=2e-3)
    assert [round(best_of_normal(n), 2) for n in (1, 2, 10)] == [0.0, 0.59, 1.55]
