"""The estimate beside the best of many, against levels that are known."""

from __future__ import annotations

import random
from statistics import mean

import pytest

from tuned.core.final.luck import beside, pooled_deviation, shrunk


@pytest.mark.parametrize("law", ["one level", "a plateau with a tail", "levels as wide as the noise"])
def test_most_of_the_luck_is_taken_off(law: str) -> None:
    rng = random.Random(law)
    levels = {
        "one level": lambda: 0.0,
        "a plateau with a tail": lambda: 0.0 if rng.random() < 0.5 else rng.expovariate(0.05),
        "levels as wide as the noise": lambda: rng.gauss(0, 1),
    }
    naive, left = [], []
    for _ in range(60):
        truth = [levels[law]() for _ in range(30)]
        seen = [level + rng.gauss(0, 1) for level in truth]
        best = min(range(30), key=seen.__getitem__)
        estimate = shrunk(seen, 1.0)
        assert estimate is not None and estimate >= seen[best]
        naive.append(truth[best] - seen[best])
        left.append(truth[best] - estimate)
    assert mean(naive) > 1.2 and abs(mean(left)) < mean(naive) / 2.5


def test_a_best_that_is_far_ahead_keeps_its_value_and_unknown_noise_gives_none() -> None:
    assert shrunk([0.0, 50.0, 51.0, 52.0, 53.0], 1.0) == pytest.approx(0.0, abs=0.1)
    assert shrunk([1.0] * 9, 0.0) == 1.0
    assert shrunk([1.0, 2.0, 3.0, 4.0, 5.0], None) is None and shrunk([1.0, 2.0], 0.1) is None
    assert (
        pooled_deviation([(1, None), (4, 0.5), (1, 0.1)]) == pytest.approx(1.0) and pooled_deviation([(1, 2.0)]) is None
    )
    assert pooled_deviation([(4, 0.5e200)]) == pytest.approx(1e200)


def test_the_words_say_how_sure_the_figure_is() -> None:
    assert beside(30, 0.25, 5, interval=(0.2, 0.3)) == "mean of 5 further seeds 0.25 (0.2 .. 0.3)"
    assert beside(30, estimate=0.25) == "without the luck of the best of 30, about 0.25"
    assert beside(30, 0.25, 3, equal=True) == "3 further seeds gave the same result"
    assert beside(30, 0.25, 3, failed=2) == "2 of 5 further seeds failed; mean of the others 0.25"
    assert beside(30, failed=1) == "1 of 1 further seed failed"
    assert beside(30) == "one run, the best of 30: not confirmed" and beside(1) == ""
