"""How noisy a curve is, and what is left of it without the noise. Robust: single spikes count for nothing."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import median_filter

from tuned.analyses.study_data import Floats

MAD = 1.4826
"""Factor from the median absolute deviation of normal noise to its standard deviation."""

STILL = 0.1
"""Share of equal neighbours from which a metric is taken to move in steps."""


def spread(values: Floats) -> float:
    """Standard deviation of the bulk of values, from the median absolute deviation; 0 for fewer than two."""
    if len(values) < 2:
        return 0.0
    return float(MAD * np.median(np.abs(values - np.median(values))))


def step_noise(values: Floats) -> float:
    """Standard deviation from report to report in the second half of a curve, its trend taken out.

    From second differences, which a straight trend does not touch; their variance is six times that of the noise.
    Never less than half of the usual step between two reports that differ: an accuracy over few examples moves in
    steps, and standing still between two of them is no proof of a quiet curve.
    """
    late = values[len(values) // 2 :] if len(values) >= 12 else values
    if len(late) < 4:
        return 0.0
    steps = np.abs(np.diff(late))
    level = float(np.median(steps[steps > 0])) / 2 if STILL < np.mean(steps == 0) < 1 else 0.0
    return max(level, float(MAD * np.median(np.abs(np.diff(late, 2))) / np.sqrt(6.0)))


def smooth(values: Floats) -> Floats:
    """The running median over 3 points of a short curve, over 5 of one with 20 points or more."""
    if len(values) < 3:
        return values
    smoothed: Floats = median_filter(values, size=5 if len(values) >= 20 else 3, mode="nearest")
    return smoothed
