"""A numeric parameter on the unit interval of its own scale: the one map, in both directions.

Used wherever distances in a space count: the design, the grid, refinement, the model, its offspring, the analyses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tuned.core.space.parameter import Parameter, Value, same_value

DIGITS = 12
"""Significant digits of a float made here: the last bits of exp and log differ between mathematical libraries."""
_FAR = 700.0
"""Powers of e beyond it are no floats, though their product with a small number is one."""


@dataclass(frozen=True, slots=True)
class Scale:
    """The numbers from `low` to `high`, evenly spread or, with `log`, evenly in their logarithms (then `low > 0`).

    Example:
        >>> Scale(1e-4, 1.0, log=True).unit(1e-2)
        0.5
    """

    low: float
    high: float
    log: bool = False

    def unit(self, value: float) -> float:
        """The place of a value: 0 at `low`, 1 at `high`, beyond them outside 0 .. 1; 0 where both ends are one."""
        if self.high == self.low:
            return 0.0
        if self.log:
            return _log_ratio(value, self.low) / _log_ratio(self.high, self.low)
        return (value - self.low) / (self.high - self.low)

    def value(self, unit: float) -> float:
        """The value at a place, the inverse of `unit`; neither rounded nor held within the ends."""
        if self.log:
            return _scaled(self.low, unit * _log_ratio(self.high, self.low))
        return self.low + unit * (self.high - self.low)


def scale_of(parameter: Parameter) -> Scale | None:
    """The scale of a number, or of the positions 0 .. n - 1 of an ordered choice; None for values without an order.

    Positions are equally far apart, so `[8, 32, 128]` is the logarithmic scale that it looks like. Two values, such as
    false and true, always lie on a line.
    """
    if parameter.kind in ("float", "int"):
        assert parameter.low is not None and parameter.high is not None
        return Scale(parameter.low, parameter.high, parameter.log)
    if parameter.ordered or len(parameter.values) == 2:
        return Scale(0, len(parameter.values) - 1)
    return None


def place(parameter: Parameter, value: Value) -> float | None:
    """Where a value lies between its parameter's ends, 0 to 1; None without an order, or for an unknown choice."""
    scale = scale_of(parameter)
    if scale is None:
        return None
    if parameter.kind not in ("float", "int"):
        index = next((i for i, known in enumerate(parameter.values) if same_value(known, value)), None)
        return None if index is None else scale.unit(index)
    if not isinstance(value, int | float) or (scale.log and value <= 0):
        return None  # of an earlier version of the space
    return scale.unit(value)


def value_at(parameter: Parameter, unit: float) -> Value:
    """The value nearest to a place: a number in its type and within its ends, of choices the one that owns the place.

    Every choice owns an equal part of 0 .. 1.
    """
    if parameter.kind in ("choice", "bool"):
        return parameter.values[min(int(unit * len(parameter.values)), len(parameter.values) - 1)]
    scale = scale_of(parameter)
    assert scale is not None
    return number_at(parameter, scale.value(unit))


def number_at(parameter: Parameter, number: float) -> float | int:
    """A number as a value of a numeric parameter: whole, or to `DIGITS` digits, and within the ends."""
    assert parameter.low is not None and parameter.high is not None
    found = round(number) if parameter.kind == "int" else float(f"{number:.{DIGITS}g}")
    return min(max(found, parameter.low), parameter.high)


def turned_back(unit: float) -> float:
    """A place of 0 .. 1: what lies beyond an end is turned back from it."""
    turned = abs(unit) % 2.0
    return 2.0 - turned if turned > 1.0 else turned


def cell_at(parameter: Parameter, unit: float) -> Value:
    """The value whose cell holds a place of 0 <= unit < 1: of whole numbers, too, each owns an interval.

    The interval has the length 1, or log((x + 1) / x) on a log scale, so the ends are as likely as the rest.
    """
    if parameter.kind != "int":
        return value_at(parameter, unit)
    assert parameter.low is not None and parameter.high is not None
    found = math.floor(Scale(parameter.low, parameter.high + 1, parameter.log).value(unit))
    return min(max(found, int(parameter.low)), int(parameter.high))


def _log_ratio(value: float, low: float) -> float:
    ratio = value / low
    return math.log(ratio) if 0 < ratio < math.inf else math.log(value) - math.log(low)


def _scaled(low: float, power: float) -> float:
    return low * math.exp(power) if power < _FAR else math.exp(math.log(low) + power)
