"""Whether the best trials crowd at an end of a range. Owns the verdict `space.near-bound` and the proposed bound."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from scipy.stats import spearmanr

from tuned.analyses.groups import text_of
from tuned.analyses.models.model import LEAST as MODELLED
from tuned.analyses.models.model import Model
from tuned.analyses.naming import is_batch_size, is_regulariser, is_size
from tuned.analyses.points import Points, points
from tuned.analyses.study_data import Floats, StudyData, positions
from tuned.analyses.verdict import Verdict
from tuned.core.space import Parameter, Value
from tuned.core.states import STUDY_ENDED

LEAST_TRIALS = 10
TOP_SHARE, LEAST_TOP = 0.1, 4
EDGE = 0.1
"""The best trial must lie in the outer tenth of the range, on its own scale; of a list, on its last value."""
CHANCE = 0.02
"""Of all ends of all ranges together. Other rules speak as well, and all of them together are held to 5 %."""
NO_CROWD, NO_TREND = 0.3, 0.1
"""P-values of either test from which on the other one does not count: a search that follows results has put most of its
points there already, and few points show no clear trend."""
FEW_PLACES = 5
"""Of a list: its trend is looked at over all values."""
BRACKETED = 3
"""Worse trials between the best ones and the end that show the optimum to lie inside after all."""
DECADES = 1.0
DRAWS = 4000
LEAST_VALUES = 3
"""Of a list of numbers: two have no inside."""


def near_bound(study: StudyData) -> Iterable[Verdict]:
    """[13] The best points near a boundary: the space is too narrow there.

    The best tenth (at least four) of the points tried are looked at for each range and each list of numbers. Without an
    effect of the parameter any of the points would be as likely to be among the best, so the sum of their distances
    from an end is compared with that of as many points drawn at random from those tried; the rank correlation of
    distance and result is tested as well (Spearman), in the outer half and as far as the other parameters do not
    explain the results. Warn when the best lies in the outer tenth and the smaller of both p-values, times twice the
    number of ends, is below `CHANCE`, while the other one does not speak against it. Silent where three points between
    the best ones and the end were worse, as a search leaves them around an optimum inside. Info instead for parameters
    that cost memory or time (by name), and for a regulariser at its low end. Ends beyond which there is nothing (0 of a
    linear range, 1 of a share) are left out.
    """
    ranges = [p for p in study.space.tunable if _is_range(p)]
    for parameter in ranges:
        tried = points(study).with_active(parameter)
        if len(tried.trials) < LEAST_TRIALS:
            yield from _whole_list(study, parameter, tried)
            continue
        for upper in (False, True):
            if _may_grow(parameter, upper):
                yield from _one_end(study, parameter, tried, upper, 2 * len(ranges))


def _whole_list(study: StudyData, parameter: Parameter, tried: Points) -> Iterable[Verdict]:
    """A list that is the whole space has no ten points: each value better than the one before it, up to its end.

    Without an effect one of n! / 2 such lists is in order; info where that is no less than `CHANCE`.
    """
    listed, places = _listed(parameter), _places(parameter, tried)
    if len(study.space.tunable) > 1 or len(listed) < LEAST_TOP or len(np.unique(places)) < len(listed):
        return
    for upper in (False, True):
        distance = 1.0 - places if upper else places
        if _may_grow(parameter, upper) and bool(np.all(np.diff(distance) >= 0)):
            chance = 2 / math.factorial(len(listed))
            found = _verdict(study, parameter, tried, distance[:LEAST_TOP], upper, chance, 1.0)
            end = parameter.numeric_ends[1 if upper else 0]
            what = (
                f"Each of the {len(listed)} values of {parameter.name} is better than its neighbour further from the "
                f"{'upper' if upper else 'lower'} end ({end:g}), so the best may lie beyond: by chance "
                f"with p = {chance:.1g}."
            )
            yield replace(found, what=what, level=found.level if chance < CHANCE else "info")


def _is_range(parameter: Parameter) -> bool:
    return parameter.kind in ("float", "int") or len(_listed(parameter)) >= LEAST_VALUES


def _listed(parameter: Parameter) -> list[float]:
    """The values of an ordered list of numbers, rising; empty for anything else: without an order there is no end."""
    values = parameter.values if parameter.kind == "choice" and parameter.ordered else ()
    if any(isinstance(v, bool) or not isinstance(v, int | float) for v in values):
        return []
    return sorted(float(v) for v in values if not isinstance(v, str))


def _may_grow(parameter: Parameter, upper: bool) -> bool:
    low, high = parameter.numeric_ends
    if upper:
        return not (parameter.kind != "int" and not parameter.log and low >= 0 and 0.9 <= high <= 1)
    return low != 0 and not (isinstance(parameter.low, int) and low <= 1)


def _places(parameter: Parameter, tried: Points) -> Floats:
    listed = _listed(parameter)
    if not listed:
        return positions(parameter, [t.params[parameter.name] for t in tried.trials])
    return np.array([listed.index(float(t.params[parameter.name])) / (len(listed) - 1) for t in tried.trials])


def _one_end(study: StudyData, parameter: Parameter, tried: Points, upper: bool, tests: int) -> Iterable[Verdict]:
    places = _places(parameter, tried)
    distance = 1.0 - places if upper else places
    top = max(LEAST_TOP, math.ceil(TOP_SHARE * len(tried.trials)))
    if distance[0] > EDGE or np.sum(distance < np.min(distance[:top])) >= BRACKETED:
        return
    outer = distance <= 0.5
    if np.sum(outer) < LEAST_TOP or len(np.unique(distance[outer])) < 2:
        return
    crowd = crowding(distance, top)
    if crowd >= NO_CROWD:
        return
    some = np.full(len(distance), True) if len(np.unique(distance)) <= FEW_PLACES else outer
    trend = spearmanr(distance[some], _own_part(study, parameter, tried)[some], alternative="greater")
    chance = min(1.0, 2 * tests * min(crowd, float(trend.pvalue)))
    if not (chance < CHANCE and trend.pvalue < NO_TREND):
        return
    yield _verdict(study, parameter, tried, distance[:top], upper, chance, float(trend.statistic))


def crowding(distance: Floats, top: int) -> float:
    """How likely so many points, drawn at random from those tried, lie as close to the end as the first ones do.

    Args:
        distance: Of all points from the end, the best first.
        top: How many of the first are looked at.
    """
    rng = np.random.default_rng(0)
    drawn = np.argpartition(rng.random((DRAWS, len(distance))), top - 1, axis=1)[:, :top]
    as_close = np.sum(distance[drawn].sum(axis=1) <= distance[:top].sum() + 1e-12)
    return float((as_close + 1) / (DRAWS + 1))


def _own_part(study: StudyData, parameter: Parameter, tried: Points) -> Floats:
    """Results without that part which the other parameters explain.

    A search that follows results tries good values of all parameters together: without this a parameter that does
    nothing would seem to gain from its neighbours.
    """
    rest = tuple(p for p in study.space.parameters if p.name != parameter.name)
    if len(tried.trials) < MODELLED or not any(p.kind != "fixed" for p in rest):
        return tried.results
    model = Model(replace(study.space, parameters=rest), [t.params for t in tried.trials], tried.results)
    return model.unexplained


def _verdict(
    study: StudyData, parameter: Parameter, tried: Points, top: Floats, upper: bool, chance: float, trend: float
) -> Verdict:
    bound = proposed(parameter, upper)
    end = parameter.numeric_ends[1 if upper else 0]
    off = is_regulariser(parameter.name) and not upper
    costly = (is_size(parameter.name) or is_batch_size(parameter.name)) and upper
    widen = f"Add {bound:g} to the values of {parameter.name}" if _listed(parameter) else (
        f"Widen {parameter.name} to {bound:g}")  # fmt: skip
    remedy = f"{widen}; narrow its other end if no good trial lies there."
    if off:
        remedy = f"{parameter.name} may not be needed at all: let the search switch it off. Otherwise: {widen}."
    if costly:
        remedy = f"{widen} if memory and time allow."
    if study.state in STUDY_ENDED:
        more = len(study.searched)
        remedy += f" The study has ended: tunectl set {study.name} search.trials=+{more} then goes on with it."
    numbers = tuple(t.number for t in tried.trials[: len(top)])
    return Verdict(
        "info" if off or costly else "warn", "space.near-bound",
        f"The best {len(top)} of {len(tried.trials)} points crowd at the {'upper' if upper else 'lower'} end of "
        f"{parameter.name} ({end:g}), and results get better towards it: by chance with p = {chance:.1g}.",
        {"p_value": chance, "best": float(tried.trials[0].params[parameter.name]), "bound": float(end),
         "distance_of_best": float(top[0]), "mean_distance_of_top": float(np.mean(top)), "trend": trend,
         "proposed": bound, "trials": len(tried.trials)},
        remedy, _command(study, parameter, bound, upper), parameter.name, numbers,
    )  # fmt: skip


def _command(study: StudyData, parameter: Parameter, bound: float, upper: bool) -> str:
    if not _listed(parameter):
        return f"tunectl space {study.name} --set {parameter.name}.{'high' if upper else 'low'}={bound:g}"
    descends = _listed(parameter)[0] != float(parameter.values[0])
    values: list[Value] = [*parameter.values]
    values.insert(0 if upper == descends else len(values), bound)
    return f"tunectl space {study.name} --set {parameter.name}.values={','.join(text_of(v) for v in values)}"


def proposed(parameter: Parameter, upper: bool) -> float:
    """A bound further out: a decade on a logarithmic scale (a doubling of whole numbers), else half the range more.

    Of a list the next value at the distance of the last two, as a ratio where all values are positive.
    """
    low, high = parameter.numeric_ends
    listed = _listed(parameter)
    if listed:
        last, before = (listed[-1], listed[-2]) if upper else (listed[0], listed[1])
        far = last * last / before if listed[0] > 0 and not (upper and high < 1 <= last * last / before) else None
        far = far if far is not None else (1 + high) / 2 if 0 <= low < high < 1 else 2 * last - before
        return float(round(far)) if all(isinstance(v, int) for v in parameter.values) else float(f"{far:.3g}")
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
