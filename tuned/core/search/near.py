"""Points near the best results: what stands in for a model that has no answer in time.

Owns how far from them they lie. Such a point costs next to nothing and needs no other process. It depends on the space,
the best points, the seed and its number alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

from tuned.core.errors import InvalidInput
from tuned.core.search.design import complete_point, design_point
from tuned.core.search.sequence import noise
from tuned.core.space import Parameter, Point, SearchSpace, Value, same_value
from tuned.core.space.unit import number_at, scale_of, turned_back

PARENTS = 3
"""Best points near which others are made."""
LEAST = 5
"""Results without which nothing is known to be good."""
EVERY = 5
"""Of so many points one is of the design all the same: the best may lie elsewhere."""
CLOSE, FAR = 0.02, 0.3
"""Standard deviation of a step, as a share of the range: between these, evenly in its logarithm."""
MOVED = 0.3
"""How likely a parameter is moved."""
_NORMAL = NormalDist()


def near_point(space: SearchSpace, best: Sequence[Point], seed: int, i: int) -> Point:
    """A point near one of the best ones.

    Args:
        space: The study's.
        best: Points of the space, the best first; at least one.
        seed: The study's.
        i: The point's number, from 0.
    """
    # The square: the better a point is, the more of its neighbours are tried.
    parent = best[int(noise(seed, i, "parent") ** 2 * len(best))]
    spread = CLOSE * (FAR / CLOSE) ** noise(seed, i, "spread")
    names = [p.name for p in space.tunable if p.name in parent]
    sure = names[int(noise(seed, i, "sure") * len(names))] if names else ""
    given: Point = {}
    for parameter in space.parameters:
        name = parameter.name
        if name not in parent or not parameter.is_active(given) or parameter.kind == "fixed":
            continue
        moved = name == sure or noise(seed, i, f"move {name}") < MOVED
        step = _NORMAL.inv_cdf(min(max(noise(seed, i, f"step {name}"), 1e-6), 1 - 1e-6))
        given[name] = _stepped(parameter, parent[name], spread * step) if moved else parent[name]
    try:
        return complete_point(space, given, seed, i)
    except InvalidInput:
        return design_point(space, seed, i)


def _stepped(parameter: Parameter, value: Value, by: float) -> Value:
    """The value that lies a step further, turned back at the ends; another one where the step is too small to tell."""
    scale = scale_of(parameter)
    if parameter.kind in ("float", "int"):
        assert scale is not None and isinstance(value, int | float)
        at = turned_back(scale.unit(value) + by)
        found = number_at(parameter, scale.value(at))
        if parameter.kind == "int" and found == value:
            found = number_at(parameter, value + (1 if by > 0 else -1))
        return found
    known = parameter.values
    index = next((k for k, other in enumerate(known) if same_value(other, value)), 0)
    if scale is None:
        # Without an order any other value is as near.
        return known[(index + 1 + int(abs(by) * 1e6) % (len(known) - 1)) % len(known)]
    steps = max(1, round(abs(by) * (len(known) - 1))) * (1 if by > 0 else -1)
    further = index + steps
    return known[further] if 0 <= further < len(known) else known[min(max(index - steps, 0), len(known) - 1)]
