"""How many suggestions are made ahead, so that no slot waits long for one and none is made from old results.

Owns that number. Pure.
"""

from __future__ import annotations

from math import ceil

WAITING = 0.01
"""A slot waits for the model, and the model for the last result, where that takes less than this share of a trial."""


def worth_waiting(suggestion_s: float, trial_s: float | None) -> bool:
    """Whether a suggestion is so quick beside a trial that it is made when a slot is free, from all results."""
    return trial_s is not None and suggestion_s <= WAITING * trial_s


def suggestions_ahead(suggestion_s: float, trial_s: float | None, parallel: int, free: int) -> int:
    """How many suggestions to hold ready so that no slot waits long for one.

    Args:
        suggestion_s: Seconds that one suggestion takes.
        trial_s: Mean seconds of a trial; None before the first has ended.
        parallel: Trials at once.
        free: How many of these places nothing runs in.

    Returns:
        At most twice `parallel`, because a suggestion ages while it waits; none while all places are taken and a
        suggestion is worth waiting for.
    """
    if worth_waiting(suggestion_s, trial_s):
        return min(1, free)
    if not trial_s:
        return 1
    return max(1, min(2 * parallel, ceil(suggestion_s * parallel / trial_s)))
