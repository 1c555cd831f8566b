"""A hyperparameter: its kind, its range or its choices, and when it is active."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from tuned.core.errors import InvalidInput

Value = float | int | str | bool
Point = dict[str, Value]
Kind = Literal["float", "int", "choice", "bool", "fixed"]
Role = Literal["scientific", "nuisance", "fixed"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One hyperparameter.

    Attributes:
        name: As the study file spells it.
        kind: `float` and `int` have `low <= x <= high` (both reachable); `choice` has `values`; `bool` is the choice of
            false and true; `fixed` has one value.
        log: Distances are measured between logarithms; `low > 0`.
        ordered: The values of a choice lie on a line, so neighbours resemble each other.
        when: Parent name -> values for which this parameter is active; every entry must hold. Empty: always active.
        role: Its part in conclusions (playbook, "scientific, nuisance and fixed hyperparameters").
        likely: The value that a person takes for good: a search begins with it, and tries its neighbours early.
        was: The value that earlier trials ran with, for a parameter that was added later; None: nobody knows.
    """

    name: str
    kind: Kind
    low: float | int | None = None
    high: float | int | None = None
    log: bool = False
    values: tuple[Value, ...] = ()
    ordered: bool = False
    when: tuple[tuple[str, tuple[Value, ...]], ...] = ()
    role: Role = "nuisance"
    was: Value | None = None
    likely: Value | None = None

    def cast(self, value: object) -> Value:
        """The value in this parameter's own type.

        Raises:
            InvalidInput: It is of another type, outside the bounds, or none of the choices.
        """
        where = f"space.{self.name}"
        if self.kind in ("choice", "bool", "fixed"):
            for known in self.values:
                if same_value(known, value):
                    return known
            listed = ", ".join(json.dumps(v) for v in self.values)
            raise InvalidInput(f"{value!r} is not one of {listed}", where=where)
        number = self._number(value, where)
        assert self.low is not None and self.high is not None
        if not self.low <= number <= self.high:
            raise InvalidInput(
                f"{number:g} lies outside {self.low:g} .. {self.high:g}",
                where=where,
                hint="choose a value inside, or widen the space",
            )
        return number

    def with_likely(self, value: Value | None) -> Parameter:
        """The parameter with this likely value; with none, where it is not, or no longer, a value of it."""
        try:
            return replace(self, likely=None if value is None or self.kind == "fixed" else self.cast(value))
        except InvalidInput:
            return replace(self, likely=None)

    def _number(self, value: object, where: str) -> float | int:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise InvalidInput(f"{value!r} is not a number", where=where)
        try:
            finite = math.isfinite(value)
        except OverflowError:
            raise InvalidInput("the number is too large", where=where) from None
        if not finite:
            raise InvalidInput(f"{value!r} is not finite", where=where)
        if self.kind == "float":
            return float(value)
        if value != int(value):
            raise InvalidInput(f"{value!r} is not a whole number", where=where)
        return int(value)

    @property
    def numeric_ends(self) -> tuple[float, float]:
        """The least and the greatest value of a numeric parameter."""
        values = [self.low, self.high] if self.kind in ("float", "int") else list(self.values)
        numbers = [float(value) for value in values if isinstance(value, int | float)]
        return min(numbers), max(numbers)

    def is_active(self, point: Mapping[str, Value]) -> bool:
        """Whether the point's parents have the values this parameter waits for."""
        return all(
            parent in point and any(same_value(point[parent], v) for v in values) for parent, values in self.when
        )


def same_value(a: object, b: object) -> bool:
    """Whether two parameter values are the same one: `1` is `1.0`, but `True` is not `1`."""
    return isinstance(a, bool) == isinstance(b, bool) and a == b
