"""Two points at opposite ends of a space: all switches off and every range low, all on and every range high.

Owns that choice. A program that takes its corners takes every point between them, as far as its arguments go.
"""

from __future__ import annotations

from tuned.core.space import Parameter, Point, SearchSpace, Value


def corners(space: SearchSpace) -> tuple[Point, Point]:
    """The two points, each with its own active parameters."""
    low, high = ({p.name: _end(p, end) for p in space.parameters} for end in (0, -1))
    return _active(space, low), _active(space, high)


def _end(parameter: Parameter, end: int) -> Value:
    if parameter.low is None or parameter.high is None:
        return parameter.values[end]
    return (parameter.low, parameter.high)[end]


def _active(space: SearchSpace, values: Point) -> Point:
    point: Point = {}
    for parameter in space.parameters:  # parents come first
        if parameter.is_active(point):
            point[parameter.name] = values[parameter.name]
    return point
