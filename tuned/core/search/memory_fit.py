"""The memory that a point needs, from those that were measured.

Owns that fit: the logarithm of the size, linear in the parameters on their own scales. The search bounds points by it
that ran out of memory, and a card takes further trials by it. Pure, in plain Python: the daemon loads no numerics.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tuned.core.space import Point, SearchSpace, same_value
from tuned.core.space.unit import place, scale_of

LEAST = 4
"""Measured points from which on the fit is worth anything."""
_RIDGE = 1e-3


@dataclass(frozen=True, slots=True)
class MemoryFit:
    """Predicts the memory of points.

    Attributes:
        weights: Of each place of a point.
        middle: Mean of the measured logarithms.
        spread: Standard deviation of what the fit leaves of them, in powers of 2.
    """

    space: SearchSpace
    weights: tuple[float, ...]
    middle: float
    spread: float

    @classmethod
    def of(cls, space: SearchSpace, measured: Sequence[tuple[Point, float]]) -> MemoryFit:
        """The fit to these points and their bytes, all above 0; at least one."""
        rows = [_row(space, point) for point, _ in measured]
        sizes = [math.log2(size) for _, size in measured]
        middle = sum(sizes) / len(sizes)
        width = len(rows[0])
        products = [[sum(row[i] * row[j] for row in rows) for j in range(width)] for i in range(width)]
        for i in range(width):
            products[i][i] += _RIDGE
        sides = [sum(row[i] * (size - middle) for row, size in zip(rows, sizes, strict=True)) for i in range(width)]
        weights = tuple(_solve(products, sides))
        left = [size - middle - _dot(weights, row) for row, size in zip(rows, sizes, strict=True)]
        spread = math.sqrt(sum(rest * rest for rest in left) / max(1, len(left) - width)) if len(left) > 1 else 0.0
        return cls(space, weights, middle, spread)

    def log2(self, point: Point) -> float:
        """Logarithm of the bytes that a point needs."""
        return self.middle + _dot(self.weights, _row(self.space, point))


def _row(space: SearchSpace, point: Point) -> list[float]:
    """A one, then a place in 0 .. 1 for each number, one for each of several unordered values; inactive: the middle."""
    row = [1.0]
    for parameter in space.tunable:
        value = point.get(parameter.name)
        if scale_of(parameter) is None:
            row += [float(value is not None and same_value(known, value)) for known in parameter.values]
            continue
        unit = None if value is None else place(parameter, value)
        row.append(0.5 if unit is None else unit)
    return row


def _dot(a: Sequence[float], b: Sequence[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def _solve(matrix: Sequence[Sequence[float]], sides: Sequence[float]) -> list[float]:
    """Gauss; the matrix is symmetric and its own diagonal makes it regular, so no pivot is looked for."""
    rows = [[*row, side] for row, side in zip(matrix, sides, strict=True)]
    for i, pivot in enumerate(rows):
        for row in rows[i + 1 :]:
            factor = row[i] / pivot[i]
            for j in range(i, len(pivot)):
                row[j] -= factor * pivot[j]
    found = [0.0] * len(rows)
    for i in reversed(range(len(rows))):
        rest = sum(rows[i][j] * found[j] for j in range(i + 1, len(rows)))
        found[i] = (rows[i][-1] - rest) / rows[i][i]
    return found
