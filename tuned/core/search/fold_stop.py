"""Whether a cross-validated trial is hopeless after some of its folds.

Owns that rule. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import NormalDist

from tuned.core.study import Direction, sign_of

LEAST = 2
"""Folds before which nothing is said."""
ERROR = 0.05
"""How often a trial that is as good as the best one may be stopped, over all folds together."""
_POINTS = 400
_NORMAL = NormalDist()


def hopeless(
    own: Mapping[int, float], best: Mapping[int, float], direction: Direction, metric: str, rivals: int = 1
) -> str:
    """Why a trial cannot be expected to beat the best one, by the folds that both have; empty while it may.

    The differences are taken fold by fold, so that a hard fold counts against nobody. A trial is hopeless when they
    would be rare for one that is equally good, or when a fold gave no finite value. Rare is `ERROR` in equal parts for
    the looks that there are, one after each fold but the first and the last. The best of `rivals` equal trials looks
    better than it is, so the mean difference of an equal trial is above 0 (a noncentral t); and the folds' models share
    training data, which raises the variance of the mean by 1 / (k - 1) (Nadeau and Bengio).

    Args:
        own: Fold -> result of the trial so far.
        best: Fold -> result of the best trial, which has all of its folds.
        direction: `minimize` or `maximize`.
        metric: For the reason.
        rivals: Trials with all of their folds, of which the best one is the best.
    """
    broken = [fold for fold, value in own.items() if not math.isfinite(value)]
    if broken:
        return f"fold {broken[0]} gave {metric} {own[broken[0]]}"
    both = sorted(own.keys() & best.keys())
    if len(both) < LEAST:
        return ""
    sign = sign_of(direction)
    worse = [sign * (own[fold] - best[fold]) for fold in both]
    count, folds = len(worse), len(best)
    mean = math.fsum(worse) / count
    deviation = math.sqrt(math.fsum((w - mean) ** 2 for w in worse) / (count - 1))
    scale = math.sqrt(1 / count + 1 / max(1, folds - 1))
    if mean <= 0 or not math.isfinite(mean + deviation):
        return ""
    luck = best_of_normal(rivals) / math.sqrt(2 * folds) / scale
    chance = exceeds(mean / (deviation * scale), count - 1, luck) if deviation > 0 else 0.0
    if chance >= ERROR / max(1, folds - LEAST):
        return ""
    return (
        f"after {count} folds {metric} is worse than the best trial's by {mean:.4g}: of an equal trial p = {chance:.1g}"
    )


def best_of_normal(count: int) -> float:
    """Expected maximum of so many standard normal values (Blom's approximation); 0 for one."""
    return _NORMAL.inv_cdf((count - 0.375) / (count + 0.25)) if count > 1 else 0.0


def exceeds(t: float, freedom: int, shift: float) -> float:
    """Probability that a noncentral t with this shift exceeds `t`.

    The mean of the normal tail beyond `t` times the sample's deviation, over that deviation's law (a chi distribution),
    by the midpoint rule.
    """
    log_norm = math.log(2) + freedom / 2 * math.log(freedom / 2) - math.lgamma(freedom / 2)
    most = 1 + 6 / math.sqrt(freedom)
    total = 0.0
    for i in range(_POINTS):
        s = (i + 0.5) / _POINTS * most
        weight = math.exp(log_norm + (freedom - 1) * math.log(s) - freedom * s * s / 2)
        total += weight * _NORMAL.cdf(shift - t * s)
    return total * most / _POINTS
