"""Where the spread of results comes from: seeds, the luck of the search, the data.

Owns the three estimates. Pure functions over arrays.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RESAMPLES = 1000


def seed_variance(groups: Sequence[Floats]) -> float | None:
    """Variance between runs of one configuration that differ in their seed alone, pooled over configurations.

    Args:
        groups: For each configuration its results, (runs,); those of one run say nothing.
    """
    used = [g for g in groups if len(g) > 1]
    if not used:
        return None
    freedom = sum(len(g) - 1 for g in used)
    return float(sum(((g - g.mean()) ** 2).sum() for g in used) / freedom)


def search_variance(results: Floats, seeds: float | None, maximize: bool, seed: int = 0) -> float | None:
    """Variance between searches of this size of how good the winning point really is, its luck with the seed left out.

    A bootstrap over the search's trials: their true levels are the results drawn together until their variance is what
    seeds do not explain; each search draws levels, adds seeds' noise, and takes the winner's level. Seeds' variance
    subtracted from that of the best result would leave nothing: the best of many is steadier than one run.

    Args:
        results: (trials,) of the search.
        seeds: `seed_variance`, if it is known.
        maximize: Whether larger results are better.
        seed: Of the bootstrap.
    """
    if len(results) < 5:
        return None
    whole = float(results.var(ddof=1))
    noise = min(seeds or 0.0, whole)
    if whole <= noise:
        return 0.0
    levels = results.mean() + (results - results.mean()) * np.sqrt(1 - noise / whole)
    rng = np.random.default_rng(seed)
    drawn = levels[rng.integers(0, len(results), (RESAMPLES, len(results)))]
    seen = drawn + np.sqrt(noise) * rng.normal(size=drawn.shape)
    won = drawn[np.arange(RESAMPLES), seen.argmax(axis=1) if maximize else seen.argmin(axis=1)]
    return float(won.var(ddof=1))


def data_variance(folds: Sequence[Floats]) -> float | None:
    """Variance of a result due to which examples it was measured on, from the folds of cross-validated runs.

    Args:
        folds: For each run its result on each fold, (folds,).
    """
    used = [f for f in folds if len(f) > 1]
    if not used:
        return None
    return float(np.mean([f.var(ddof=1) / len(f) for f in used]))


def metric_variance(scores: Floats) -> float:
    """The same from scores of single examples, (examples,), whose mean is the result."""
    return float(scores.var(ddof=1) / len(scores))
