"""Points as the model sees them: always the same columns, whatever is active, under names of our own.

Owns the columns. Ax's own conditional spaces want every child to have one parent and hold hidden values for what is
inactive; here an inactive parameter simply sits in the middle of its column, and comes off again on the way back.
Names are ours because Ax reads names as formulas (`lambda`, `beta`, `a-b`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tuned.core.space import Parameter, Point, SearchSpace, Value, same_value


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the model.

    Attributes:
        name: `p0`, `p1`, ...
        kind: `float` and `int` lie between `low` and `high`; `label` is one of `labels`, without any order.
    """

    name: str
    parameter: Parameter
    kind: Literal["float", "int", "label"]
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    labels: tuple[str, ...] = ()

    @property
    def middle(self) -> float | int | str:
        """Where an inactive parameter sits."""
        if self.kind == "label":
            return self.labels[0]
        middle = math.sqrt(self.low * self.high) if self.log else (self.low + self.high) / 2
        return min(max(middle, self.low), self.high) if self.kind == "float" else round(middle)

    def encode(self, value: Value) -> float | int | str:
        """A parameter's value as this column holds it, in exactly the column's type."""
        if self.parameter.kind == "float":
            return float(value)
        if self.parameter.kind == "int":
            return int(value)
        index = next(i for i, known in enumerate(self.parameter.values) if same_value(known, value))
        return self.labels[index] if self.kind == "label" else index

    def unit(self, value: float) -> float:
        """Where a value of a numeric column lies between its ends, 0 to 1, on its own scale."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def decode(self, value: Any) -> Value:
        """The parameter's value that a column's value stands for."""
        if self.kind == "label":
            return self.parameter.values[self.labels.index(str(value))]
        if self.kind == "float":
            # Twelve digits as in the design; a value at the edge may be off by a rounding of the logarithm.
            return min(max(float(f"{float(value):.12g}"), self.low), self.high)
        number = min(max(round(float(value)), int(self.low)), int(self.high))
        return number if self.parameter.kind == "int" else self.parameter.values[number]


def columns_of(space: SearchSpace) -> tuple[Column, ...]:
    """A column for each parameter that can vary.

    An ordered choice and a bool become positions 0 .. n-1: neighbours are equally far apart, so `[8, 32, 128]` is
    treated as the logarithmic scale that it is.
    """
    columns = []
    for i, p in enumerate(space.tunable):
        name = f"p{i}"
        if p.kind in ("float", "int"):
            assert p.low is not None and p.high is not None
            columns.append(Column(name, p, p.kind, p.low, p.high, p.log))
        elif p.ordered or len(p.values) == 2:
            columns.append(Column(name, p, "int", 0, len(p.values) - 1))
        else:
            columns.append(Column(name, p, "label", labels=tuple(f"v{k}" for k in range(len(p.values)))))
    return tuple(columns)


def conditions_of(space: SearchSpace, columns: tuple[Column, ...]) -> list[str]:
    """The space's linear conditions as Ax reads them, as far as its columns can carry them.

    That is where every column holds the parameter's own value on a plain scale and is always active; what is left out
    is met by rejection.
    """
    plain = {c.parameter.name: c for c in columns if c.parameter.kind in ("float", "int") and not c.log}
    texts = []
    for constraint in space.constraints:
        fixed = sum(w * float(space[n].values[0]) for n, w in constraint.terms if space[n].kind == "fixed")
        terms = [(name, weight) for name, weight in constraint.terms if space[name].kind != "fixed"]
        if not terms or not all(name in plain and not space[name].when for name, _ in terms):
            continue
        total = " + ".join(f"{weight!r}*{plain[name].name}" for name, weight in terms)
        if constraint.at_most is not None:
            texts.append(f"{total} <= {constraint.at_most - fixed!r}")
        if constraint.at_least is not None:
            texts.append(f"{total} >= {constraint.at_least - fixed!r}")
    return texts


def encode(columns: tuple[Column, ...], point: Point) -> dict[str, float | int | str]:
    """A whole point as a row of the model."""
    return {c.name: c.encode(point[c.parameter.name]) if c.parameter.name in point else c.middle for c in columns}


def decode(space: SearchSpace, columns: tuple[Column, ...], row: Mapping[str, Any]) -> Point:
    """The point that a row of the model stands for: checked, and without what is inactive.

    Raises:
        InvalidInput: The row holds a value that the space does not.
    """
    values = {c.parameter.name: c.decode(row[c.name]) for c in columns}
    point: Point = {}
    for parameter in space.parameters:
        if parameter.is_active(point):
            point[parameter.name] = parameter.values[0] if parameter.kind == "fixed" else values[parameter.name]
    return space.check(point)
