"""The results that a model is fitted to, of more than it can take: the one choice, for the search and for the analyses.

A fit costs the cube of its results. Kept are the best ones, the latest, so that a new lesson is not forgotten when it
was nothing good, and some of all ranks, so that a model goes on knowing where nothing good is. The best and the latest
half alone were measured as worse (`benchmarks.bounded_history`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mix:
    """Shares of the results that are kept; the rest are the best by each score in turn.

    Attributes:
        latest: Of the highest numbers.
        spread: Evenly over the ranks by the first score.
    """

    latest: float
    spread: float


MODEL = Mix(25 / 300, 50 / 300)
"""For one objective."""
SEVERAL = Mix(1 / 2, 0.0)
"""For several objectives."""
PRIOR = Mix(0.0, 1 / 2)
"""For results of earlier studies, none of which is the latest."""
EVEN = Mix(0.0, 1.0)
"""For a model of ranks, which is to know all of them alike."""


def bounded(numbers: Sequence[int], scores: Sequence[Sequence[float]], most: int, mix: Mix = MODEL) -> list[int]:
    """Positions of the results that are kept, in ascending order.

    Args:
        numbers: Trial numbers, ascending.
        scores: For each of them one score an objective, smaller is better.
        most: How many are kept at most.
        mix: Which.
    """
    if len(numbers) <= most:
        return list(range(len(numbers)))
    spread = int(most * mix.spread + 1e-9)
    latest = max(1, int(most * mix.latest + 1e-9)) if mix.latest else 0
    kept = set(range(len(numbers) - latest, len(numbers)))
    objectives = len(scores[0])
    for k in range(objectives):
        kept |= set(_ranked(numbers, scores, kept, k)[: (most - latest - spread) // objectives])
    rest = _ranked(numbers, scores, kept, 0)
    kept |= {rest[(2 * i + 1) * len(rest) // (2 * spread)] for i in range(spread)}
    return sorted(kept)


def _ranked(numbers: Sequence[int], scores: Sequence[Sequence[float]], without: set[int], k: int) -> list[int]:
    left = (i for i in range(len(numbers)) if i not in without)
    return sorted(left, key=lambda i: (scores[i][k], numbers[i]))
