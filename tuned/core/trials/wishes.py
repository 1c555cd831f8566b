"""How a live attempt's processes are wanted to be, how they were told to be, and the one step that comes next.

Owns that order. Pure: the wish is read from the trial's row, the steps are done by `tuned.daemon.attempts.steering`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tuned.core.states import StopReason

MOVES_MEMORY = "cuda"
"""The level of a pause that moves GPU memory to main memory before the processes stand still."""


@dataclass(frozen=True, slots=True)
class Wish:
    """How the attempt is wanted to be.

    Attributes:
        stop: Why it is to end; None: it is not.
        frozen_by: The level by which its processes are to stand still; empty: they move.
    """

    stop: StopReason | None = None
    frozen_by: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """The content of its records.

    Attributes:
        stop: The reason in `stop.json`.
        frozen: The flag in `freeze.json`.
        moved: Processes whose GPU memory was moved to main memory; None: the memory is on the card.
    """

    stop: StopReason | None = None
    frozen: bool = False
    moved: tuple[int, ...] | None = None


class Step(StrEnum):
    """One thing to do. The two moves of memory take seconds, the others one write."""

    STOP = "stop"
    FREEZE = "freeze"
    THAW = "thaw"
    MOVE_AWAY = "move away"
    MOVE_BACK = "move back"


MOVES = frozenset({Step.MOVE_AWAY, Step.MOVE_BACK})


def next_step(wish: Wish, told: Told, moving: bool) -> Step | None:
    """The next act that brings the attempt nearer to the wish.

    An end is told at once. An attempt that is to end moves, with its memory on the card: it could save nothing else.
    Memory is moved only while the processes run, because `cuda-checkpoint` needs their threads.

    Args:
        wish: As the row says now.
        told: As the records say.
        moving: Whether memory is being moved; that is never cut off, and everything but an end waits for it.

    Returns:
        The step; None when told and wish agree, or nothing can be done before the move is over.
    """
    if wish.stop is not None and wish.stop is not told.stop:
        return Step.STOP
    if moving:
        return None
    still = wish.frozen_by if wish.stop is None else ""
    away = told.moved is not None
    if away != (still == MOVES_MEMORY):
        if told.frozen:
            return Step.THAW
        return Step.MOVE_BACK if away else Step.MOVE_AWAY
    if told.frozen != bool(still):
        return Step.FREEZE if still else Step.THAW
    return None
