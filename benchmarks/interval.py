"""A mean with its 95 % interval, for every table of a measurement over seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import mean, stdev

from scipy.stats import t


def interval(values: Sequence[float], digits: int = 1) -> str:
    """Mean and half of its 95 % interval by Student's t, such as `0.3 ± 0.1`."""
    count = len(values)
    half = float(t.ppf(0.975, count - 1)) * stdev(values) / math.sqrt(count) if count > 1 else math.nan
    return f"{mean(values):.{digits}f} ± {half:.{digits}f}"
