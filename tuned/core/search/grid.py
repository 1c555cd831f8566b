"""The grid: a space cut into a number of levels per range, and its points in order.

Owns how a range is cut. Choices keep all their values; parents vary slowest.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import replace
from functools import lru_cache

from tuned.core.search.design import every_point
from tuned.core.space import Parameter, Point, SearchSpace, Value, canonical_key
from tuned.core.space.unit import value_at

LARGEST = 10_000
"""Points of a grid that is worth calling coarse."""


def cut(space: SearchSpace, levels: int) -> SearchSpace:
    """The space with every range replaced by at most so many of its values, both ends among them."""
    return SearchSpace(tuple(_cut(parameter, levels) for parameter in space.parameters), space.constraints)


def _cut(parameter: Parameter, levels: int) -> Parameter:
    if parameter.kind not in ("float", "int"):
        return parameter
    return replace(parameter, kind="choice", values=tuple(dict.fromkeys(_levels(parameter, levels))), ordered=True)


def _levels(parameter: Parameter, levels: int) -> list[Value]:
    assert parameter.low is not None and parameter.high is not None
    low, high = parameter.low, parameter.high
    if parameter.kind == "int" and high - low < levels:
        return list(range(int(low), int(high) + 1))
    return [value_at(parameter, i / (levels - 1) if levels > 1 else 0.5) for i in range(levels)]


def grid_size(space: SearchSpace, levels: int) -> int:
    """How many points the grid has that the conditions between parameters allow; all where they are too many."""
    whole = SearchSpace(cut(space, levels).parameters).size()
    assert whole is not None
    return whole if whole > LARGEST else len(grid_points(space, levels))


@lru_cache(maxsize=8)
def grid_points(space: SearchSpace, levels: int) -> tuple[Point, ...]:
    """All points of a grid of at most `LARGEST`."""
    return tuple(every_point(cut(space, levels)))


def fresh_grid_point(
    space: SearchSpace,
    levels: int,
    i: int,
    taken: Container[str],
    as_recorded: Callable[[Point], Point] = dict,
) -> tuple[int, Point] | None:
    """Point `i` of the grid, from 0, or the next one that has not been taken.

    Args:
        space: The study's.
        levels: Of each range.
        i: Where to begin.
        taken: `canonical_key` of every point that is used up.
        as_recorded: The values with which a point reaches the trial: of two that are rounded alike one is tried.

    Returns:
        The point as it is recorded, and its place in the grid; None when all have been taken.
    """
    points = grid_points(space, levels)
    for k in range(len(points)):
        at = (i + k) % len(points)
        point = as_recorded(points[at])
        if canonical_key(point) not in taken:
            return at, point
    return None
