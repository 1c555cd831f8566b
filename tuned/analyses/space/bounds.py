"""Whether the best trials crowd at an end of a range. Owns the verdict `space.near-bound` and the proposed bound."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from scipy.stats import norm, spearmanr

from tuned.analyses.naming import is_regulariser, is_size
from tuned.analyses.study_data import StudyData, TrialData, positions
from tuned.analyses.verdict import Verdict
from tuned.core.space import Parameter

LEAST_TRIALS = 10
TOP_SHARE, LEAST_TOP = 0.1, 4
EDGE = 0.1
"""The best trial must lie in the outer tenth of the range, on its own scale."""
CHANCE = 0.05
"""Of all tests together: each end of each range is one."""
TREND_CHANCE = 0.1
BRACKETED = 3
"""Worse trials between the best ones and the end that show the optimum to lie inside after all."""
DECADES = 1.0
EXACT = 20
LEAST_SAID = 1e-6
"""The law of even places is no better than that."""


def near_bound(study: StudyData) -> Iterable[Verdict]:
    """[13] The best points near a boundary: the space is too narrow there.

    The best tenth (at least four) of the trials are looked at for each range. With no effect of the parameter their
    places would be uniform (under an even design), and the sum of their distances from an end would follow Irwin and
    Hall's law; warn when the best trial lies in the outer tenth, the sum's p-value times the number of ends tested is
    below 0.05, and over the outer half results get better towards the end (Spearman, one-sided p below 0.1), so that a
    parameter without an effect or one whose gain has levelled off stays silent. It also stays silent where three trials
    between the best ones and the end were worse, as a search leaves them around an optimum inside. Info instead for
    parameters that cost memory or time (by name), and for a regulariser at its low end. Ends beyond which there is
    nothing (0 of a linear range, 1 of a share) are left out.
    """
    ranges = [p for p in study.space.tunable if p.kind in ("float", "int")]
    for parameter in ranges:
        trials = [t for t in study.ranked if parameter.name in t.params]
        if len(trials) < LEAST_TRIALS:
            continue
        for upper in (False, True):
            if _may_grow(parameter, upper):
                yield from _one_end(study, parameter, trials, upper, 2 * len(ranges))


def _may_grow(parameter: Parameter, upper: bool) -> bool:
    low, high = parameter.numeric_ends
    if upper:
        return not (parameter.kind == "float" and not parameter.log and low >= 0 and 0.9 <= high <= 1)
    return low != 0 and not (parameter.kind == "int" and low <= 1)


def _one_end(
    study: StudyData, parameter: Parameter, trials: list[TrialData], upper: bool, tests: int
) -> Iterable[Verdict]:
    places = positions(parameter, [t.params[parameter.name] for t in trials])
    distance = 1.0 - places if upper else places
    top = max(LEAST_TOP, math.ceil(TOP_SHARE * len(trials)))
    chance = min(1.0, tests * irwin_hall(float(np.sum(np.clip(distance[:top], 0.0, 1.0))), top))
    if distance[0] > EDGE or chance >= CHANCE:
        return
    outer = distance <= 0.5
    results = study.sign * study.outcome(trials)
    if np.sum(outer) < LEAST_TOP or len(np.unique(distance[outer])) < 3:
        return
    if np.sum(distance < np.min(distance[:top])) >= BRACKETED:
        return
    trend = spearmanr(distance[outer], results[outer], alternative="greater")
    if not trend.pvalue < TREND_CHANCE:
        return
    bound = proposed(parameter, upper)
    key = "high" if upper else "low"
    end = parameter.numeric_ends[1 if upper else 0]
    off = is_regulariser(parameter.name) and not upper
    costly = is_size(parameter.name) and upper
    remedy = f"Widen {parameter.name} to {bound:g} and go on; narrow its other end if no good trial lies there."
    if off:
        remedy = f"{parameter.name} may not be needed at all: let the search switch it off, or widen to {bound:g}."
    if costly:
        remedy = f"Widen {parameter.name} to {bound:g} if memory and time allow."
    said = f"p = {chance:.1g}" if chance >= LEAST_SAID else f"p < {LEAST_SAID:g}"
    yield Verdict(
        "info" if off or costly else "warn", "space.near-bound",
        f"The best {top} of {len(trials)} trials crowd at the {'upper' if upper else 'lower'} end of {parameter.name} "
        f"({end:g}): by chance with {said}.",
        {"p_value": chance, "best": float(trials[0].params[parameter.name]), "bound": float(end),
         "distance_of_best": float(distance[0]), "mean_distance_of_top": float(np.mean(distance[:top])),
         "trend": float(trend.statistic), "proposed": bound, "trials": len(trials)},
        remedy, f"tunectl space {study.name} --set {parameter.name}.{key}={bound:g}", parameter.name,
        tuple(t.number for t in trials[:top]),
    )  # fmt: skip


def irwin_hall(total: float, count: int) -> float:
    """Probability that so many independent places, even on 0 to 1, sum to at most `total`.

    Of more than `EXACT` by the normal law, a little cautious in the tails: the sum's own formula cancels there.
    """
    if total >= count:
        return 1.0
    if count > EXACT:
        return float(norm.cdf((total - count / 2) / math.sqrt(count / 12)))
    terms = (
        (-1) ** k * math.comb(count, k) * (total - k) ** count / math.factorial(count)
        for k in range(math.floor(total) + 1)
    )
    return min(1.0, max(0.0, math.fsum(terms)))


def proposed(parameter: Parameter, upper: bool) -> float:
    """A bound further out: a decade on a logarithmic scale (a doubling of whole numbers), else half the range more."""
    low, high = parameter.numeric_ends
    if parameter.kind == "int":
        return 2 * high if upper else max(1.0, low // 2)
    if parameter.log:
        factor = 10.0**DECADES
        return float(f"{high * factor if upper else low / factor:.3g}")
    width = (high - low) / 2
    far = high + width if upper else low - width
    if upper and low >= 0 and high < 1:
        far = min(far, (1 + high) / 2)
    if not upper and low > 0:
        far = max(far, low / 2)
    return float(f"{far:.4g}")
