"""Points of the user's own, from what was asked for to single points: products, and "like that one, but".

Owns that expansion; whether a point is in the space is the space's to say. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from math import prod
from typing import Any

from tuned.core.errors import InvalidInput
from tuned.core.space import Point, SearchSpace

MOST = 10_000
"""Trials that one request queues."""


def expand(points: Iterable[Mapping[str, Any]], seeds: int = 1) -> list[dict[str, Any]]:
    """Single points: a list of values stands for each of them, several lists for their product, the last one fastest.

    Args:
        points: Parameter name -> a value, or a list of them.
        seeds: How often each point will run.

    Raises:
        InvalidInput: A list is empty, or there are too many points.
    """
    wanted = list(points)
    for point in wanted:
        for name, value in point.items():
            if isinstance(value, list | tuple) and not value:
                raise InvalidInput(
                    "no value was given", where=f"space.{name}", hint="leave it out to have it suggested"
                )
    count = seeds * sum(prod(len(v) for v in point.values() if isinstance(v, list | tuple)) for point in wanted)
    if count > MOST:
        raise InvalidInput(f"these are {count} trials", hint=f"queue at most {MOST} at once")
    found = []
    for point in wanted:
        choices = [list(v) if isinstance(v, list | tuple) else [v] for v in point.values()]
        found += [dict(zip(point, values, strict=True)) for values in product(*choices)]
    return found


def like(space: SearchSpace, known: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """A known point with other values: what those make inactive is left out, what they make active is open.

    Args:
        space: Of the study that the new point is for.
        known: The point of a trial, perhaps of another study: parameters that this space lacks are left out.
        values: The values that differ.
    """
    point: Point = {}
    for parameter in space.parameters:
        if parameter.name in values:
            point[parameter.name] = values[parameter.name]
        elif parameter.name in known and parameter.is_active(point):
            point[parameter.name] = known[parameter.name]
    return {**values, **point}
