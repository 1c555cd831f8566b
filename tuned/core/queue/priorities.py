"""The range of priorities. Their effect is `tuned.core.queue.schedule`'s."""

from __future__ import annotations

from tuned.core.errors import InvalidInput

LARGEST_PRIORITY = 1_000_000


def check_priority(value: int) -> int:
    """The priority, when it is one.

    Raises:
        InvalidInput: It is further from 0 than any priority: a sum of two must stay a number of every database.
    """
    if abs(value) > LARGEST_PRIORITY:
        raise InvalidInput(
            f"{value} is out of range", where="priority", hint=f"from -{LARGEST_PRIORITY} to {LARGEST_PRIORITY}"
        )
    return value
