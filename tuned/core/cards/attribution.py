"""The owners of the processes on a card, as far as they can be told, and whether strangers keep it from being leased.

Owns that judgement. Pure; who asks the driver and the kernel is `tuned.daemon.attempts.sampling`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tuned.core import words

FOREIGN_BYTES = 500 * 2**20
"""A card on which somebody else holds more than this is not leased."""


class Whose(StrEnum):
    """The owner of a process on a card."""

    OURS = "ours"
    OTHERS = "others"
    UNKNOWN = "unknown"
    """The driver names it by a number that means nothing here: the daemon runs in a container."""


@dataclass(frozen=True, slots=True)
class Found:
    """A process on a card: its number and its bytes (None: not said), both as the driver gives them."""

    pid: int
    size: int | None
    whose: Whose


@dataclass(frozen=True, slots=True)
class Judgement:
    """Why a card is not leased, and what cannot be told about it; both empty in the best case.

    Attributes:
        foreign: Bytes of the card that are somebody else's.
        ours: Bytes that are ours; None where that cannot be told.
        others: Somebody else's processes.
    """

    blocked: str = ""
    note: str = ""
    foreign: int = 0
    ours: int | None = 0
    others: tuple[int, ...] = ()


def judge(found: Sequence[Found], used: int, before: int | None, leased: bool, openers: int) -> Judgement:
    """Attribute a card's memory to its owners.

    Args:
        found: The card's processes.
        used: Bytes in use on it.
        before: The same when the first of its present leases began; None: not known, or nobody has it.
        leased: Whether a trial of ours has it.
        openers: Processes of ours that have a GPU's device file open, whatever the driver calls them.

    Returns:
        Where it cannot be told whose memory it is, the card is not blocked, and `note` says so.
    """
    others = [p for p in found if p.whose is Whose.OTHERS]
    unknown = [p for p in found if p.whose is Whose.UNKNOWN]
    if not (leased and openers):
        # A trial that has no device file open uses no card: what nobody can name is somebody else's.
        others, unknown = [*others, *unknown], []
    ours = _sum([p for p in found if p.whose is Whose.OURS])
    grown = None if before is None or not leased else max(0, used - before)
    note = ""
    if unknown:
        strangers = len(unknown) - openers
        if strangers > 0:
            strange = words.does(strangers, "process", "that is", "that are")
            note = f"{strange} not ours: in a container their owner is not known"
        ours = grown
    elif not found and not leased and used > FOREIGN_BYTES:
        note = f"{words.size(used)} are in use, and the driver names no process"
    foreign = _sum(others)
    if foreign is None or ours is None:
        # The driver gives no memory by process: alone on the card, they hold what is in use.
        foreign, ours = (used, 0) if others and not leased else (0, grown)
        note = note or ("" if not leased else "the driver does not say how much memory each process holds")
    return Judgement(_blocked(others, foreign), note, foreign, ours, tuple(process.pid for process in others))


def _blocked(others: Sequence[Found], foreign: int) -> str:
    for process in others:
        if process.size is not None and process.size > FOREIGN_BYTES:
            return f"process {process.pid} of somebody else holds {words.size(process.size)}"
    if foreign > FOREIGN_BYTES and _sum(others) is None:
        named = f"process {others[0].pid}" if len(others) == 1 else words.count(len(others), "process")
        return f"{named} of somebody else {'holds' if len(others) == 1 else 'hold'} {words.size(foreign)}"
    return ""


def _sum(processes: Sequence[Found]) -> int | None:
    """Their bytes; None when the driver does not say them."""
    sizes = [process.size for process in processes]
    return None if None in sizes else sum(size for size in sizes if size is not None)
