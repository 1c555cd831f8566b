"""How the GPUs of a machine are shared out: whole ones, several, or a part of one. Pure.

A share is what of a card can still be leased, from 0 to 1, and below 0 where trials have joined on it. Parts count for
the queue alone: what a trial may really use of a card's memory is its own affair.
"""

from __future__ import annotations

from collections.abc import Mapping

_DUST = 1e-6
"""Three thirds are a whole."""


PART = "MIG-"
"""The id of an instance of a card that is cut into several begins with this."""


def is_part(card: str) -> bool:
    """Whether it is an instance of a card: CUDA gives a process one of them, and no other card."""
    return card.startswith(PART)


def check_gpus(value: object) -> float:
    """A number of GPUs that a trial can ask for: a part of one, or whole ones.

    Raises:
        ValueError: It is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 64:
        raise ValueError(f"{value!r} is no number of GPUs")
    if value > 1 and value != int(value):
        raise ValueError(f"{value!r} GPUs: only less than one can be a part")
    if 0 < value < 0.01:
        raise ValueError(f"{value!r} is too small a part of a GPU")
    return float(value)


ALONE = "alone"
"""The count of an attempt that has its card for itself."""


def wanted_by(used: Mapping[str, int], gpus: float) -> float:
    """The GPUs that a trial takes: a whole one after it ran out of memory on a shared one.

    Args:
        used: The trial's `retries_used`.
        gpus: Its study's number.
    """
    return 1.0 if 0 < gpus < 1 and ALONE in used else gpus


def share_of(wanted: float) -> float:
    """A trial's share of each card that it leases."""
    return min(1.0, wanted)


def choose(shares: Mapping[str, float], wanted: float) -> list[str]:
    """The cards for a trial; empty when they cannot be had.

    Whole ones in their order; for a part the fullest card that has room for it, so that whole ones stay whole.
    Instances of a card count as whole ones, but never as several.

    Args:
        shares: Id -> what is left of the card.
        wanted: As in the study file, above 0.
    """
    if wanted < 1.0:
        fitting = [slot for slot, left in shares.items() if left >= wanted - _DUST]
        return [min(fitting, key=lambda slot: shares[slot])] if fitting else []
    whole = _whole(shares, wanted)
    return whole[: int(wanted)] if len(whole) >= int(wanted) else []


def how_many(shares: Mapping[str, float], wanted: float) -> int:
    """How many trials that want so much could run on these cards at once."""
    if wanted < 1.0:
        return sum(int((max(0.0, left) + _DUST) / wanted) for left in shares.values())
    return len(_whole(shares, wanted)) // int(wanted)


def _whole(shares: Mapping[str, float], wanted: float) -> list[str]:
    return [slot for slot, left in shares.items() if left >= 1.0 - _DUST and not (wanted > 1 and is_part(slot))]
