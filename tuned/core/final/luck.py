"""The figure to quote beside the best of many results, which was chosen for being best and promises too much.

Owns the shrunk estimate and the words of that figure. Pure, without numpy: the daemon needs it for lists.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from tuned.core import words

WINDOW, BINS, ROUNDS = 6.0, 36, 40
"""Results so many deviations behind the best say nothing of its luck; the others are counted in so many bins."""
LEAST = 5
"""Results from which the luck of the best is estimated."""


def pooled_deviation(repeated: Iterable[tuple[int, float | None]]) -> float | None:
    """Deviation of one run about its configuration's mean, pooled; None where no configuration was repeated.

    Args:
        repeated: Runs of each configuration and the standard error of their mean.
    """
    used = [(runs, sem) for runs, sem in repeated if runs > 1 and sem is not None and math.isfinite(sem)]
    freedom = sum(runs - 1 for runs, _ in used)
    # Squares of values beyond 1e154 are no floats: hypot needs none.
    whole = math.hypot(*(math.sqrt((runs - 1) * runs) * sem for runs, sem in used))
    return whole / math.sqrt(freedom) if freedom else None


def shrunk(scores: Sequence[float], deviation: float | None) -> float | None:
    """The expected level of the best result's configuration: its mean over seeds, given all results.

    By nonparametric empirical Bayes: the distribution of the levels is the likeliest one for the results that are seen
    (Kiefer and Wolfowitz 1956; Jiang and Zhang 2009), and the estimate is the best's posterior mean. It needs no law of
    the levels: a plateau with a long tail of bad trials takes a linear shrinkage in.

    Args:
        scores: One run of each configuration, finite, smaller is better.
        deviation: Of one run between seeds.

    Returns:
        None where the deviation is not known, or of fewer than `LEAST` results.
    """
    if len(scores) < LEAST or deviation is None:
        return None
    best = min(scores)
    width = WINDOW * deviation / BINS
    if width <= 0:
        return best
    counted = [0] * BINS
    for score in scores:
        place = (score - best) / width + 0.5
        if place < BINS:
            counted[int(place)] += 1
    likely = [math.exp(-0.5 * (i * WINDOW / BINS) ** 2) for i in range(BINS)]
    weights = [1.0 / BINS] * BINS
    seen = [(i, count) for i, count in enumerate(counted) if count]
    for _ in range(ROUNDS):
        fresh = [0.0] * BINS
        for i, count in seen:
            joint = [w * likely[abs(i - j)] for j, w in enumerate(weights)]
            whole = sum(joint)
            for j, part in enumerate(joint):
                fresh[j] += count * part / whole
        total = sum(fresh)
        weights = [w / total for w in fresh]
    joint = [w * k for w, k in zip(weights, likely, strict=True)]
    return best + width * sum(j * part for j, part in enumerate(joint)) / sum(joint)


def beside(
    of: int,
    mean: float | None = None,
    runs: int = 0,
    estimate: float | None = None,
    interval: tuple[float, float] | None = None,
    equal: bool = False,
    failed: int = 0,
) -> str:
    """The figure in words; empty for an only result.

    Args:
        of: Results that the best was chosen from.
        mean: Of its repetitions with other seeds; None without any.
        runs: How many of these gave a result.
        estimate: The shrunk one; None where it is not known.
        interval: Of the mean.
        equal: Whether they gave the best's own result to the last digit.
        failed: Further repetitions that failed.
    """
    ends = "" if interval is None else f" ({words.number(interval[0])} .. {words.number(interval[1])})"
    shown = "" if mean is None else f" {words.number(mean)}{ends}"
    if failed:
        rest = f"; mean of the other{'s' if runs > 1 else ''}{shown}" if shown else ""
        return f"{failed} of {words.count(runs + failed, 'further seed')} failed{rest}"
    if equal:
        return f"{words.count(runs, 'further seed')} gave the same result"
    if shown:
        return f"mean of {words.count(runs, 'further seed')}{shown}"
    if estimate is not None:
        return f"without the luck of the best of {of}, about {words.number(estimate)}"
    return f"one run, the best of {of}: not confirmed" if of > 1 else ""
