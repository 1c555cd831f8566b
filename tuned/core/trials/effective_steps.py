"""Which observations count when several attempts of a trial have reported.

Owns that rule; SQL that applies it to a million rows (`storage.queries`) follows it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")


def effective(rows: Iterable[tuple[int, float, T]]) -> list[tuple[float, T]]:
    """The steps that count: a later attempt's replace those of earlier ones from its own first step on.

    Args:
        rows: (attempt, step, anything) of one metric, ordered by attempt and step.

    Returns:
        (step, anything), by step.

    Example:
        >>> effective([(1, 0, "a"), (1, 1, "b"), (1, 2, "c"), (2, 1, "d")])
        [(0, 'a'), (1, 'd')]
    """
    kept: list[tuple[float, T]] = []
    latest = None
    for attempt, step, what in rows:
        if attempt != latest:
            latest = attempt
            while kept and kept[-1][0] >= step:
                kept.pop()
        kept.append((step, what))
    return kept
