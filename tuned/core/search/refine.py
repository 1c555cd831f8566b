"""Narrowing a space to where the good trials are, and widening it where the best sit on a bound.

Owns that judgement, parameter by parameter, with its evidence. Pure; what becomes of the new space is the caller's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from tuned.core.space import Parameter, Point, SearchSpace, same_value
from tuned.core.space.unit import place, scale_of

LEAST = 8
"""Results without which nothing is said."""
GOOD = 0.25
"""Share of the results that count as good (at least five)."""
MARGIN = 0.1
"""Of the range, left on both sides of the good ones."""
FLOOR = 0.3
"""A range never becomes narrower than this share of itself in one refinement."""
WORTH = 0.9
"""A range that would stay wider than this share of itself is left alone."""
EDGE = 0.05
"""Of the range: how close to a bound a point sits on it."""
TOP = 3
"""The best results; when two of them sit on a bound, it moves."""
STEP = 0.25
"""Of the range: how far it moves."""
TRIED = 3
"""How often a choice must have been tried before it may be left out for having no good result."""


def refined(space: SearchSpace, ranked: Sequence[Point]) -> tuple[SearchSpace, list[str]]:
    """The space for the trials to come, and what was done with each parameter that changed.

    Args:
        space: As it is. Parameters whose role is scientific are what the study asks about: they stay as they are.
        ranked: Points of this space that have a result, best first.

    Returns:
        The same space, with the reason, when there are too few results or nothing is worth changing.
    """
    if len(ranked) < LEAST:
        return space, [f"too few results to refine by: {len(ranked)} of {LEAST}"]
    good = ranked[: max(5, math.ceil(GOOD * len(ranked)))]
    parents = {parent for p in space.parameters for parent, _ in p.when}
    new, why = [], []
    for parameter in space.parameters:
        changed, reason = parameter, ""
        if parameter.role != "scientific":
            if parameter.kind in ("float", "int"):
                changed, reason = _range(parameter, ranked, good)
            elif parameter.kind == "choice" and parameter.name not in parents:
                changed, reason = _choice(parameter, ranked, good)
        # The results may speak against a value that a person took for good.
        new.append(changed.with_likely(parameter.likely))
        if reason:
            why.append(f"{parameter.name}: {reason}")
    found = replace(space, parameters=tuple(new))
    return found, why or ["the good trials are spread over the whole space"]


def _range(p: Parameter, ranked: Sequence[Point], good: Sequence[Point]) -> tuple[Parameter, str]:
    units = _places(p, good)
    if len(units) < 3:
        return p, ""
    best = _places(p, ranked[:TOP])
    down, up = sum(u <= EDGE for u in best) >= 2, sum(u >= 1 - EDGE for u in best) >= 2
    low, high = max(0.0, min(units) - MARGIN), min(1.0, max(units) + MARGIN)
    if high - low < FLOOR:
        middle = (low + high) / 2
        low = min(max(0.0, middle - FLOOR / 2), 1 - FLOOR)
        high = low + FLOOR
    tried = _places(p, ranked)
    # Where nothing was tried, nothing speaks against it.
    low, high = low if min(tried) < low else 0.0, high if max(tried) > high else 1.0
    if down:
        low = -STEP
    elif up:
        high = 1 + STEP
    if not down and not up and high - low > WORTH:
        return p, ""
    bounds = _bounds(p, low, high)
    if bounds is None or bounds == (p.low, p.high):
        return p, ""
    side = "low" if down else "high"
    where = f"the best sit on {side}" if down or up else f"the best {len(good)} lie within"
    text = f"{p.low:g} .. {p.high:g} -> {bounds[0]:g} .. {bounds[1]:g}, {where}"
    return replace(p, low=bounds[0], high=bounds[1]), text


def _places(p: Parameter, points: Sequence[Point]) -> list[float]:
    places = (place(p, point[p.name]) for point in points if p.name in point)
    return [unit for unit in places if unit is not None]


def _choice(p: Parameter, ranked: Sequence[Point], good: Sequence[Point]) -> tuple[Parameter, str]:
    def seen(points: Sequence[Point], value: object) -> int:
        return sum(p.name in point and same_value(point[p.name], value) for point in points)

    kept = tuple(v for v in p.values if seen(good, v) or seen(ranked, v) < TRIED)
    if len(kept) < 2 or len(kept) == len(p.values):
        return p, ""
    left = ", ".join(f"{v} ({seen(ranked, v)} tried)" for v in p.values if v not in kept)
    return replace(p, values=kept), f"without {left}: none among the best {len(good)}"


def _bounds(p: Parameter, low: float, high: float) -> tuple[float | int, float | int] | None:
    """Bounds at these shares of the range, rounded outwards to three digits, that keep to what the old ones imply.

    Bounds that were never negative stay so; bounds within 0 .. 1 stays there, and off an end that it left out.
    """
    scale = scale_of(p)
    assert scale is not None and p.low is not None and p.high is not None
    first = p.low if low == 0 else _rounded(scale.value(low), down=True)
    last = p.high if high == 1 else _rounded(scale.value(high), down=False)
    if not p.log and p.low >= 0:
        first = max(first, p.low / 2)
        if p.high <= 1 and p.kind == "float":
            last = min(last, (1 + p.high) / 2)
    if p.kind == "int":
        first, last = math.floor(first), math.ceil(last)
        if p.low >= 1:
            first = max(first, 1)
    return (first, last) if first < last else None


def _rounded(value: float, *, down: bool) -> float:
    if value == 0:
        return 0.0
    size = 10.0 ** (math.floor(math.log10(abs(value))) - 2)
    return float(f"{(math.floor if down else math.ceil)(value / size) * size:.12g}")
