"""The search space: parameters in order, the conditions between them, and what a valid point is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tuned.core.errors import InvalidInput
from tuned.core.names import no_parameter
from tuned.core.space.constraints import LinearConstraint
from tuned.core.space.parameter import Parameter, Point, Value, same_value

_MOST_COUNTED = 50_000
"""Points that are counted one by one."""


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """Parameters in an order in which every parent comes before its children, and the conditions between them.

    `gone` names the parameters that were dropped, each with the value that the code uses now; None: nobody knows.
    """

    parameters: tuple[Parameter, ...] = ()
    constraints: tuple[LinearConstraint, ...] = ()
    gone: tuple[tuple[str, Value | None], ...] = ()

    def __getitem__(self, name: str) -> Parameter:
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        raise KeyError(name)

    @property
    def names(self) -> tuple[str, ...]:
        """Names, parents first."""
        return tuple(parameter.name for parameter in self.parameters)

    @property
    def tunable(self) -> tuple[Parameter, ...]:
        """The parameters that a search can vary."""
        return tuple(p for p in self.parameters if p.kind != "fixed")

    def check_partial(self, values: Mapping[str, object]) -> Point:
        """The given values in their parameters' types, the rest left open.

        Raises:
            InvalidInput: An unknown name, a value out of range, or one of an inactive parameter.
        """
        unknown = [name for name in values if name not in self.names]
        if unknown:
            raise no_parameter(unknown[0], self.names)
        point: Point = {}
        for parameter in self.parameters:
            if parameter.name in values:
                decided = all(parent in values for parent, _ in parameter.when)
                if decided and not parameter.is_active(point):
                    raise InvalidInput("is inactive with the other values", where=f"space.{parameter.name}")
                point[parameter.name] = parameter.cast(values[parameter.name])
        return point

    def check(self, values: Mapping[str, object]) -> Point:
        """A whole point: every active parameter has a valid value, no inactive one has any.

        Raises:
            InvalidInput: Something is missing, superfluous or out of range.
        """
        point = self.check_partial(values)
        for parameter in self.parameters:
            active = parameter.is_active(point)
            if active and parameter.name not in point:
                if parameter.kind != "fixed":
                    raise InvalidInput("has no value", where=f"space.{parameter.name}")
                point[parameter.name] = parameter.values[0]
            if not active and parameter.name in point:
                raise InvalidInput("is inactive with the other values", where=f"space.{parameter.name}")
        self._check_constraints(point)
        return {name: point[name] for name in self.names if name in point}

    def _check_constraints(self, point: Point) -> None:
        for i, constraint in enumerate(self.constraints):
            if constraint.excess(point):
                raise InvalidInput(
                    f"{constraint} does not hold: the sum is {constraint.value(point):g}",
                    where=f"space_constraint.{i}",
                    hint="choose other values, or widen the bound",
                )

    def carried(self, params: Mapping[str, Value]) -> Point | None:
        """The point of a trial, whatever version of the space it was made in, as a point of this space.

        Returns:
            None when it does not fit: a value lies outside, or of a parameter added or dropped it is not known.
        """
        point = dict(params)
        for name, value in self.gone:
            if name in point and name not in self.names:
                if value is None or not same_value(point[name], value):
                    return None
                del point[name]
        for parameter in self.parameters:
            if parameter.was is not None and parameter.name not in point and parameter.is_active(point):
                point[parameter.name] = parameter.was
        try:
            return self.check(point)
        except InvalidInput:
            return None

    def meets(self, point: Mapping[str, Value]) -> bool:
        """Whether a whole point meets all conditions between parameters."""
        return not any(constraint.excess(point) for constraint in self.constraints)

    def points(self) -> Iterator[Point]:
        """All points of a space without floats, in the order of its parameters' values."""

        def extend(point: Point, index: int) -> Iterator[Point]:
            if index == len(self.parameters):
                if self.meets(point):
                    yield point
                return
            parameter = self.parameters[index]
            if not parameter.is_active(point):
                yield from extend(point, index + 1)
                return
            for value in _values_of(parameter):
                yield from extend({**point, parameter.name: value}, index + 1)

        return extend({}, 0)

    def size(self) -> int | None:
        """How many different points there are; None when a float, or a condition on very many, makes them countless."""
        product = self._unconditional_size()
        if product is None or not self.constraints:
            return product
        return sum(1 for _ in self.points()) if product <= _MOST_COUNTED else None

    def _unconditional_size(self) -> int | None:
        product = 1
        for related in self._related():
            counts = SearchSpace(related)._count({}, 0)
            if None in counts:
                return None
            product *= sum(count for count in counts if count is not None)
        return product

    def _related(self) -> list[tuple[Parameter, ...]]:
        """Parameters in groups that do not depend on each other, so that only within a group all cases are walked."""
        group = {parameter.name: i for i, parameter in enumerate(self.parameters)}
        for parameter in self.parameters:
            for parent, _ in parameter.when:
                old, new = group[parameter.name], group[parent]
                group = {name: new if i == old else i for name, i in group.items()}
        members = dict.fromkeys(group.values())
        return [tuple(p for p in self.parameters if group[p.name] == i) for i in members]

    def _count(self, point: Point, index: int) -> list[int | None]:
        if index == len(self.parameters):
            return [1]
        parameter = self.parameters[index]
        if not parameter.is_active(point):
            return self._count(point, index + 1)
        if parameter.kind == "float":
            return [None]
        children = any(parameter.name in dict(p.when) for p in self.parameters)
        if children:
            values = _values_of(parameter)
            return [c for v in values for c in self._count({**point, parameter.name: v}, index + 1)]
        width = int(parameter.high) - int(parameter.low) + 1 if parameter.kind == "int" else len(parameter.values)  # type: ignore[arg-type]
        rest = self._count(point, index + 1)
        return [None if c is None else c * width for c in rest]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; `from_dict` reads it back."""
        return {
            "parameters": [
                {
                    "name": p.name,
                    "kind": p.kind,
                    "low": p.low,
                    "high": p.high,
                    "log": p.log,
                    "values": list(p.values),
                    "ordered": p.ordered,
                    "when": [[parent, list(values)] for parent, values in p.when],
                    "role": p.role,
                    "was": p.was,
                    "likely": p.likely,
                }
                for p in self.parameters
            ],
            "constraints": [constraint.to_dict() for constraint in self.constraints],
            "gone": [[name, value] for name, value in self.gone],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SearchSpace:
        """The space that `to_dict` wrote."""
        return cls(
            tuple(
                Parameter(
                    **{
                        **p,
                        "values": tuple(p["values"]),
                        "when": tuple((parent, tuple(values)) for parent, values in p["when"]),
                    }
                ).with_likely(p.get("likely"))
                for p in data["parameters"]
            ),
            tuple(LinearConstraint.from_dict(c) for c in data.get("constraints", ())),
            tuple((name, value) for name, value in data.get("gone", ())),
        )


def _values_of(parameter: Parameter) -> tuple[Value, ...]:
    if parameter.kind == "int":
        return tuple(range(int(parameter.low or 0), int(parameter.high or 0) + 1))
    return parameter.values


def canonical_key(point: Mapping[str, Value]) -> str:
    """One text for one point, whatever the order of its names: floats to 12 significant digits, `-0.0` as `0.0`."""
    return json.dumps(
        {k: float(f"{v:.12g}") + 0.0 if isinstance(v, float) else v for k, v in sorted(point.items())},
        separators=(",", ":"),
    )
