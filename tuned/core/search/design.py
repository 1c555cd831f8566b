"""Points that need no model: quasi-random and random ones, and the completion of partial ones.

Point i depends on (space, seed, i) alone, so it can be made by
any process at any time, in any order, also while the advisor is dead.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterator, Mapping
from statistics import NormalDist
from typing import Literal

from tuned.core.search.sequence import noise, quasi_random
from tuned.core.space import Parameter, Point, SearchSpace, Value, canonical_key, same_value
from tuned.core.space.unit import cell_at, number_at, place, turned_back

Method = Literal["sobol", "random"]

_TRIES = 64
_MOST_ENUMERATED = 50_000
_REJECTIONS = 500
"""How many points of the design are tried for one that meets the conditions between parameters."""
_STRIDE = 7_368_787
_REPAIRS = 10
MIDDLE = 0.2
"""Part of each range, about its middle, in which the first point of an evenly spread design lies.

Each seed has a place of its own there: what one point gave by luck is not the beginning of every study of a space.
"""
GUIDED = 20
"""Points of a design among which likely values have a say."""
EVERY = 4
AROUND = 0.15
"""Standard deviation of the draws around a likely value, as a share of the range."""
_NORMAL = NormalDist()


def design_point(space: SearchSpace, seed: int, i: int, method: Method = "sobol") -> Point:
    """Point `i`, from 0, of the study's design: a whole point of the space.

    The first point of an evenly spread one has the likely values, and lies near the middle of all other ranges: what is
    known before any result is that the ends of a range are further from its best than its middle is, as a rule.

    Args:
        space: Conditional parameters get their coordinate only where they are active.
        seed: The study's.
        i: Any index; points before it need not have been made.
        method: Evenly spread, or independent.
    """
    return complete_point(space, {}, seed, i, method)


def complete_point(
    space: SearchSpace, partial: Mapping[str, Value], seed: int, i: int, method: Method = "sobol"
) -> Point:
    """The given values, with everything left open taken from point `i` of the design.

    A parent that is left open while a child of it is given takes a value for which that child is active.

    Raises:
        InvalidInput: The given values are no part of any point that meets the space's conditions.
    """
    given = space.check_partial(partial)
    point = _completed(space, given, seed, i, method)
    for attempt in range(1, _REJECTIONS if space.constraints else 0):
        if space.meets(point):
            break
        point = _completed(space, given, seed, i + attempt * _STRIDE, method)
    if not space.meets(point):
        point = _repaired(space, given, point)
    return space.check({**point, **given})


def _completed(space: SearchSpace, given: Point, seed: int, i: int, method: Method) -> Point:
    wanted = _wanted(space, given)
    point: Point = {}
    dimension = {parameter.name: j for j, parameter in enumerate(space.tunable)}
    for parameter in space.parameters:
        if not parameter.is_active(point):
            continue
        if parameter.name in given:
            point[parameter.name] = given[parameter.name]
            continue
        if parameter.kind == "fixed":
            point[parameter.name] = parameter.values[0]
            continue
        j = dimension[parameter.name]
        u = _coordinate(parameter, seed, i, j, method)
        values = wanted.get(parameter.name)
        if parameter.likely is not None and method == "sobol" and not values:
            point[parameter.name] = _by_likely(parameter, i, u)
            continue
        point[parameter.name] = values[int(u * len(values))] if values else cell_at(parameter, u)
    return point


def _coordinate(parameter: Parameter, seed: int, i: int, dimension: int, method: Method) -> float:
    """Where point `i` of the design lies in a parameter's range, 0 <= u < 1; values without an order have no middle."""
    if method == "random":
        return noise(seed, i, f"parameter {dimension}")
    u = quasi_random(seed, i, dimension)
    return 0.5 + MIDDLE * (u - 0.5) if i == 0 and _has_middle(parameter) else u


def _has_middle(parameter: Parameter) -> bool:
    return parameter.kind in ("float", "int") or parameter.ordered


def begins_with(space: SearchSpace) -> str:
    """The end of the reason of an evenly spread design's first point: which values of its own it has.

    Example:
        ": likely values, or near the middle of the range"; empty where all values are drawn.
    """
    likely = any(parameter.likely is not None for parameter in space.tunable)
    middle = any(parameter.likely is None and _has_middle(parameter) for parameter in space.tunable)
    found = ["likely values"] * likely + ["near the middle of the range"] * middle
    return f": {', or '.join(found)}" if found else ""


def _by_likely(parameter: Parameter, i: int, u: float) -> Value:
    """The value at a place of the design, where one value is likely.

    The first point has the likely value itself, and every fourth one of the first `GUIDED` is drawn around it. The
    others know nothing of it, so a wrong guess costs a tenth of a study's trials at most, and results decide from then
    on.
    """
    likely = parameter.likely
    assert likely is not None
    if i >= GUIDED or i % EVERY:
        return cell_at(parameter, u)
    if i == 0:
        return likely
    at = place(parameter, likely)
    if at is None:
        # Without an order there are no neighbours: one half is the likely value.
        return likely if u < 0.5 else cell_at(parameter, 2 * u - 1)
    # Beyond an end it is turned back: held at the end, one half of the points around a likely end would be that end.
    return cell_at(parameter, min(turned_back(at + AROUND * _NORMAL.inv_cdf(min(max(u, 1e-6), 1 - 1e-6))), 1 - 1e-9))


def _repaired(space: SearchSpace, given: Point, point: Point) -> Point:
    """The point with open numbers moved as far as conditions between parameters need; for a rare corner of a space."""
    point = dict(point)
    for _ in range(_REPAIRS):
        for constraint in space.constraints:
            for name, weight in constraint.terms:
                excess = constraint.excess(point)
                if excess and name in point and name not in given:
                    point[name] = _moved(space[name], point[name], -excess / weight)
    return point


def _moved(parameter: Parameter, value: Value, by: float) -> Value:
    """The value that lies at least `by` further, or the end of the range."""
    assert isinstance(value, int | float)
    wanted = value + by
    if parameter.kind == "int":
        return number_at(parameter, math.floor(wanted) if by < 0 else math.ceil(wanted))
    if parameter.kind == "float":
        return number_at(parameter, wanted)
    numbers = sorted(v for v in parameter.values if isinstance(v, int | float))
    if by < 0:
        return next((v for v in reversed(numbers) if v <= wanted), numbers[0])
    return next((v for v in numbers if v >= wanted), numbers[-1])


def fresh_point(
    space: SearchSpace,
    seed: int,
    i: int,
    taken: Container[str],
    method: Method = "sobol",
    as_recorded: Callable[[Point], Point] = dict,
) -> Point | None:
    """Point `i`, or the next one that has not been taken, as it is recorded.

    Args:
        space: The study's.
        seed: The study's.
        i: Where to begin; the search goes on at an index of its own, so neighbours do not collide.
        taken: `canonical_key` of every point that is used up.
        method: See `design_point`.
        as_recorded: The values with which a point reaches the trial: of two that are rounded alike one is tried.

    Returns:
        None when the space has no untaken point. In a space too large to list, a repeated point is possible but rare.
    """
    for attempt in range(_TRIES):
        exact = design_point(space, seed, i if attempt == 0 else i + attempt * 1_000_003, method)
        point = as_recorded(exact)
        if canonical_key(point) not in taken:
            return point
    size = space.size()
    if size is None or size > _MOST_ENUMERATED:
        return point if point == exact else None
    listed = (as_recorded(point) for point in every_point(space))
    free = [point for point in listed if canonical_key(point) not in taken]
    return free[int(noise(seed, i, "free") * len(free))] if free else None


def every_point(space: SearchSpace) -> Iterator[Point]:
    """All points of a space without floats, in the order of its parameters' values."""
    return space.points()


def _wanted(space: SearchSpace, given: Point) -> dict[str, tuple[Value, ...]]:
    """For each open ancestor of a given parameter, the values that keep that parameter active."""
    wanted: dict[str, tuple[Value, ...]] = {}
    for parameter in reversed(space.parameters):
        if parameter.name not in given and parameter.name not in wanted:
            continue
        for parent, values in parameter.when:
            if parent not in given:
                before = wanted.get(parent, values)
                both = tuple(v for v in before if any(same_value(v, other) for other in values))
                wanted[parent] = both or values
    return wanted
