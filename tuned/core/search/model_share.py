"""How much of a search its model has chosen, and what stood in for it where it could not.

Owns the words of that; the counts are the database's.
"""

from __future__ import annotations

from dataclasses import dataclass

MODELLED = ("bayesian", "evolution")
FALLBACK = "fallback"
"""Origins of points: chosen from results, and made by a design because that could not be done in time."""


@dataclass(frozen=True, slots=True)
class ModelShare:
    """Points of a study that a model was due to choose.

    Attributes:
        modelled: How many it chose.
        fallbacks: How many a quasi-random design made in its place.
        why: The reason of the latest fallback; empty without one.
    """

    modelled: int
    fallbacks: int
    why: str = ""

    @property
    def words(self) -> str:
        """One line for a person; empty where the model chose every point.

        Example:
            >>> ModelShare(3, 1, "the advisor gave no answer for 30 s").words
            '1 of 4 model points are quasi-random instead; latest reason: the advisor gave no answer for 30 s'
        """
        if not self.fallbacks:
            return ""
        due = self.modelled + self.fallbacks
        points = "point is" if self.fallbacks == due == 1 else "points are"
        reason = f"; latest reason: {self.why}" if self.why else ""
        return f"{self.fallbacks} of {due} model {points} quasi-random instead{reason}"
