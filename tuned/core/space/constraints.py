"""Linear conditions between parameters, such as `width + 64 depth <= 1024`.

Owns what such a condition says of one point. Reading them from a study file is
`tuned.core.study_file.constraint_file`'s work, finding points that meet them `tuned.core.search.design`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_SLACK = 1e-9
"""Of the size of the bound, or of the terms: what sums of floats may be off by."""


@dataclass(frozen=True, slots=True)
class LinearConstraint:
    """A weighted sum of numeric parameters and its bounds; an inactive parameter counts as zero.

    Attributes:
        terms: Parameter and weight.
        at_most, at_least: The bounds; None: none on that side.
    """

    terms: tuple[tuple[str, float], ...]
    at_most: float | None = None
    at_least: float | None = None

    def value(self, point: Mapping[str, Any]) -> float:
        """The weighted sum at a point."""
        return sum(weight * float(point[name]) for name, weight in self.terms if name in point)

    def excess(self, point: Mapping[str, Any]) -> float:
        """By how much the sum is too large (above zero) or too small (below zero); 0.0 when the point meets it."""
        value, size = self.value(point), sum(abs(w * float(point[name])) for name, w in self.terms if name in point)
        if self.at_most is not None and value > self.at_most + _SLACK * max(size, abs(self.at_most)):
            return value - self.at_most
        if self.at_least is not None and value < self.at_least - _SLACK * max(size, abs(self.at_least)):
            return value - self.at_least
        return 0.0

    def __str__(self) -> str:
        text = " + ".join(name if weight == 1 else f"{weight:g} {name}" for name, weight in self.terms)
        if self.at_most is not None:
            text += f" <= {self.at_most:g}"
        return text if self.at_least is None else f"{text} >= {self.at_least:g}"

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; `from_dict` reads it back."""
        return {"linear": dict(self.terms), "at_most": self.at_most, "at_least": self.at_least}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> LinearConstraint:
        """The condition that `to_dict` wrote."""
        return cls(tuple(data["linear"].items()), data["at_most"], data["at_least"])
