"""Means of few runs with their intervals.

Owns the t interval. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean of `n` values with its standard error and interval; both infinite, or NaN, from a single value."""

    mean: float
    sem: float
    low: float
    high: float
    n: int

    @property
    def interval(self) -> tuple[float, float]:
        """Low and high end."""
        return (self.low, self.high)


def mean_of(values: Sequence[float] | np.ndarray, level: float = LEVEL) -> Mean:
    """The mean of independent values with its t interval."""
    data = np.asarray(values, dtype=float)
    n = len(data)
    if n == 0:
        return Mean(np.nan, np.nan, np.nan, np.nan, 0)
    mean = float(data.mean())
    if n == 1:
        return Mean(mean, np.nan, -np.inf, np.inf, 1)
    sem = float(data.std(ddof=1) / np.sqrt(n))
    reach = float(stats.t.ppf(0.5 + level / 2, n - 1)) * sem
    return Mean(mean, sem, mean - reach, mean + reach, n)
