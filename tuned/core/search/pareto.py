"""Which results no other one beats in everything. Pure; owns that comparison."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

from tuned.core.study import Objective

T = TypeVar("T")


def front(objectives: Sequence[Objective], results: Sequence[tuple[T, Mapping[str, float]]]) -> list[T]:
    """The results that no other one dominates, best by the first objective first.

    One dominates another when it is nowhere worse and somewhere better. Results without a finite value of every
    objective are left out; of equal ones all stay.

    Args:
        objectives: At least one.
        results: The items, each with its values by metric.
    """
    scored = []
    for item, values in results:
        score = tuple(o.sign * values.get(o.metric, math.nan) for o in objectives)
        if all(math.isfinite(s) for s in score):
            scored.append((score, item))
    scored.sort(key=lambda entry: entry[0])
    kept: list[tuple[tuple[float, ...], T]] = []
    for score, item in scored:
        # Items that dominate this one come before it in the order, and so do their own dominators.
        if not any(_dominates(other, score) for other, _ in kept):
            kept.append((score, item))
    return [item for _, item in kept]


def _dominates(a: Sequence[float], b: Sequence[float]) -> bool:
    return a != b and all(x <= y for x, y in zip(a, b, strict=True))
