"""How much of a search its model has chosen, and what stood in for it where it could not.

Owns the words of that; the counts are the database's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

CONVERGED = "the model chose points that have been tried"
"""How the reason of a fallback begins that is no fault: the model has nothing new to ask."""
MODELLED = ("bayesian", "evolution")
FALLBACK = "fallback"
"""Origins of points: chosen from results, and made without the model because that could not be done in time."""


@dataclass(frozen=True, slots=True)
class ModelShare:
    """Points of a study that a model was due to choose.

    Attributes:
        modelled: How many it chose.
        fallbacks: How many were made in its place.
        why: The reason of the latest fallback; empty without one.
    """

    modelled: int
    fallbacks: int
    why: str = ""

    @classmethod
    def of(cls, points: Iterable[tuple[str, str]]) -> ModelShare:
        """The share in these points: (origin, why) of each, the oldest first."""
        known = list(points)
        reasons = [why for origin, why in known if origin == FALLBACK]
        return cls(sum(origin in MODELLED for origin, _ in known), len(reasons), reasons[-1] if reasons else "")

    @property
    def due(self) -> int:
        """Points that a model was due to choose."""
        return self.modelled + self.fallbacks

    @property
    def words(self) -> str:
        """One line for a person; empty where the model chose every point.

        Example:
            >>> ModelShare(3, 1, "the advisor gave no answer for 30 s").words
            '1 of 4 model points were made without the model; latest reason: the advisor gave no answer for 30 s'
        """
        if not self.fallbacks:
            return ""
        points = "point was" if self.fallbacks == self.due == 1 else "points were"
        reason = f"; latest reason: {self.why}" if self.why else ""
        return f"{self.fallbacks} of {self.due} model {points} made without the model{reason}"
