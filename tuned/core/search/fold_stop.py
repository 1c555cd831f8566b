"""Whether a cross-validated trial is hopeless after some of its folds.

Owns that rule. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

LEAST = 2
"""Folds before which nothing is said."""

_T95 = (
    6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833, 1.812, 1.796, 1.782, 1.771, 1.761, 1.753, 1.746,
    1.740, 1.734, 1.729,
)  # fmt: skip
"""Student's t for one side at 95 %, by degrees of freedom from 1."""


def hopeless(own: Mapping[int, float], best: Mapping[int, float], direction: str, metric: str) -> str:
    """Why a trial cannot be expected to beat the best one, by the folds that both have; empty while it may.

    The differences are taken fold by fold, so that a hard fold counts against nobody. It is hopeless when even the
    favourable end of their mean's interval (one side, 95 %) is worse than nothing, or a fold gave no finite value.

    Args:
        own: Fold -> result of the trial so far.
        best: Fold -> result of the best trial, which has all of its folds.
        direction: `minimize` or `maximize`.
        metric: For the reason.
    """
    broken = [fold for fold, value in own.items() if not math.isfinite(value)]
    if broken:
        return f"fold {broken[0]} gave {metric} {own[broken[0]]}"
    both = sorted(own.keys() & best.keys())
    if len(both) < LEAST:
        return ""
    sign = 1.0 if direction == "minimize" else -1.0
    worse = [sign * (own[fold] - best[fold]) for fold in both]
    mean = sum(worse) / len(worse)
    spread = math.sqrt(sum((w - mean) ** 2 for w in worse) / (len(worse) - 1) / len(worse))
    least = mean - _T95[min(len(worse) - 2, len(_T95) - 1)] * spread
    if least <= 0 or not math.isfinite(least):
        return ""
    return f"after {len(both)} folds {metric} is worse than the best trial's by {mean:.4g} (at least {least:.4g})"
