"""Points as the model sees them: always the same columns, whatever is active, under names of our own.

Owns the columns. Ax's own conditional spaces want every child to have one parent and hold hidden values for what is
inactive; here an inactive parameter simply sits in the middle of its column, and comes off again on the way back.
Names are ours because Ax reads names as formulas (`lambda`, `beta`, `a-b`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tuned.core.space import Parameter, Point, SearchSpace, Value, same_value
from tuned.core.space.unit import Scale, number_at, scale_of

MOST_WHOLE = 10_000
"""Whole numbers of a range that Ax is told of as such: it lists them all, in the memory of the machine."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the model.

    Attributes:
        name: `p0`, `p1`, ...
        kind: `unit`: a number as its place in 0 .. 1, for Ax takes ranges that are narrow on their own scale, such as
            1e-7 .. 1e-5, for a mistake; `int`: one of at most `MOST_WHOLE` whole numbers, or the position of a choice;
            `label`: one of `labels`, without any order.
        scale: Of the parameter's own numbers or positions; None for labels.
    """

    name: str
    parameter: Parameter
    kind: Literal["unit", "int", "label"]
    scale: Scale | None = None
    labels: tuple[str, ...] = ()

    @property
    def bounds(self) -> tuple[float, float]:
        """The ends of the column's numbers."""
        return (0.0, 1.0) if self.kind == "unit" else (int(self._numbers.low), int(self._numbers.high))

    @property
    def log(self) -> bool:
        """Whether the column's numbers lie on a log scale: whole ones alone, places are on their scale already."""
        return self.kind == "int" and self._numbers.log

    @property
    def middle(self) -> float | int | str:
        """Where an inactive parameter sits."""
        return self.labels[0] if self.kind == "label" else self.at(0.5)

    def encode(self, value: Value) -> float | int | str:
        """A parameter's value as this column holds it, in exactly the column's type."""
        if self.kind == "unit":
            return self._numbers.unit(float(value))
        if self.parameter.kind == "int":
            return int(value)
        index = next(i for i, known in enumerate(self.parameter.values) if same_value(known, value))
        return self.labels[index] if self.kind == "label" else index

    def unit(self, number: float) -> float:
        """The place in 0 .. 1 of a number that the column holds."""
        return number if self.kind == "unit" else self._numbers.unit(number)

    def at(self, unit: float) -> float | int:
        """The number that the column holds at a place in 0 .. 1, the inverse of `unit`."""
        return unit if self.kind == "unit" else round(self._numbers.value(unit))

    def decode(self, value: Any) -> Value:
        """The parameter's value that a column's value stands for."""
        if self.kind == "label":
            return self.parameter.values[self.labels.index(str(value))]
        if self.kind == "unit":
            return number_at(self.parameter, self._numbers.value(float(value)))
        if self.parameter.kind == "int":
            return number_at(self.parameter, float(value))
        return self.parameter.values[min(max(round(float(value)), 0), len(self.parameter.values) - 1)]

    @property
    def _numbers(self) -> Scale:
        assert self.scale is not None, "labels have no scale"
        return self.scale


def columns_of(space: SearchSpace) -> tuple[Column, ...]:
    """A column for each parameter that can vary."""
    columns = []
    for i, p in enumerate(space.tunable):
        name, scale = f"p{i}", scale_of(p)
        if scale is None:
            columns.append(Column(name, p, "label", labels=tuple(f"v{k}" for k in range(len(p.values)))))
        else:
            finely = p.kind == "float" or scale.high - scale.low >= MOST_WHOLE
            columns.append(Column(name, p, "unit" if finely else "int", scale))
    return tuple(columns)


def conditions_of(space: SearchSpace, columns: tuple[Column, ...]) -> list[str]:
    """The space's linear conditions as Ax reads them, as far as its columns can carry them.

    A condition is carried where each of its parameters is always active and its column linear in it; points are
    rejected by the others.
    """
    plain = {
        c.parameter.name: c
        for c in columns
        if c.parameter.kind in ("float", "int") and not c.parameter.log and not c.parameter.when
    }
    texts = []
    for constraint in space.constraints:
        shift, terms = 0.0, []
        for name, weight in constraint.terms:
            parameter = space[name]
            if parameter.kind == "fixed":
                shift += weight * float(parameter.values[0])
            elif name in plain:
                column = plain[name]
                low, high = parameter.numeric_ends
                shift += weight * low if column.kind == "unit" else 0.0
                terms.append(f"{weight * (high - low) if column.kind == 'unit' else weight!r}*{column.name}")
            else:
                break
        else:
            total = " + ".join(terms)
            if terms and constraint.at_most is not None:
                texts.append(f"{total} <= {constraint.at_most - shift!r}")
            if terms and constraint.at_least is not None:
                texts.append(f"{total} >= {constraint.at_least - shift!r}")
    return texts


def encode(columns: tuple[Column, ...], point: Point) -> dict[str, float | int | str]:
    """A whole point as a row of the model."""
    return {c.name: c.encode(point[c.parameter.name]) if c.parameter.name in point else c.middle for c in columns}


def places(columns: tuple[Column, ...], point: Point) -> list[float]:
    """A point as places in 0 .. 1: one for each number, one for each of several unordered values."""
    row, found = encode(columns, point), []
    for c in columns:
        if c.kind == "label":
            found += [float(row[c.name] == label) for label in c.labels]
        else:
            found.append(c.unit(float(row[c.name])))
    return found


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
