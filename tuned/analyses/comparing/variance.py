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
    """Variance of the best result between searches of this size, as a bootstrap over the search's trials sees it.

    What seeds alone contribute to it is taken off, so that it says how much the choice of points matters.

    Args:
        results: (trials,) of the search.
        seeds: `seed_variance`, if it is known.
        maximize: Whether larger results are better.
        seed: Of the bootstrap.
    """
    if len(results) < 5:
        return None
    draws = np.random.default_rng(seed).integers(0, len(results), (RESAMPLES, len(results)))
    best = results[draws].max(axis=1) if maximize else results[draws].min(axis=1)
    return max(0.0, float(best.var(ddof=1)) - (seeds or 0.0))


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
