"""Where the time of a card went: what trials did on it, and why it stood idle in between.

Owns that account. Pure; it adds up: every second of the window is in one line of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Use(StrEnum):
    """The use of a card at one moment. Of several that hold at once, the first of these counts."""

    TRAINING = "training"
    SAVING = "saving"
    """A trial was told to stop and has not ended."""
    STARTING = "starting"
    LOST = "lost"
    """It did not answer."""
    POLITE = "polite"
    """Left to somebody who had begun to work on it."""
    YIELDED = "yielded"
    FOREIGN = "foreign"
    """Somebody else's process kept it from being leased."""
    POINT = "waiting for a point"
    QUEUED = "work queued"
    """Trials waited for it, or for more than it."""
    PAUSED = "paused"
    """A trial stood still on it, or nothing but paused studies wanted it."""
    NOTHING = "nothing queued"
    OFF = "no daemon"
    UNKNOWN = "not recorded"


LONGEST_ACCOUNT_S = 31 * 86_400.0
"""How far back an account reaches at most."""
LEAST_LEFT_S, LONGEST_LEFT_S = 1.0, 30 * 86_400.0
"""For how long a card may be left to somebody else."""

OURS = (Use.STARTING, Use.POINT, Use.QUEUED)
"""The time that is ours to avoid."""


@dataclass(frozen=True, slots=True)
class Stay:
    """An attempt on a card, in unix seconds: claimed, begun, told to stop, ended; None: not yet, or never.

    Attributes:
        still: Begin and end of each time in which its processes stood still; of the last one the end may be infinite.
    """

    claimed: float
    started: float | None
    told: float | None
    ended: float | None
    still: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """From this moment on (unix seconds) this is why the card stands idle whenever no trial is on it."""

    at: float
    use: Use


def card_time(stays: Iterable[Stay], marks: Iterable[Mark], since: float, until: float) -> dict[Use, float]:
    """Seconds of a window by use; they add up to its length.

    Args:
        stays: The attempts on the card, in any order.
        marks: The same.
        since: Begin of the window in unix seconds.
        until: Its end.
    """
    changes: list[tuple[float, Use, int]] = []
    for stay in stays:
        for use, begin, end in _phases(stay, until):
            if max(begin, since) < min(end, until):
                changes += [(max(begin, since), use, 1), (min(end, until), use, -1)]
    changes.sort(key=lambda change: change[0])
    reasons = sorted(marks, key=lambda mark: mark.at)
    found: dict[Use, float] = {}
    at, busy, place = since, dict.fromkeys((Use.TRAINING, Use.SAVING, Use.STARTING, Use.PAUSED), 0), 0
    idle = Use.UNKNOWN
    moments = sorted({since, until, *(c[0] for c in changes), *(m.at for m in reasons if since < m.at < until)})
    while place < len(reasons) and reasons[place].at <= since:
        idle = reasons[place].use
        place += 1
    next_change = 0
    for moment in moments:
        if moment > at:
            use = next((use for use, count in busy.items() if count), idle)
            found[use] = found.get(use, 0.0) + moment - at
            at = moment
        while next_change < len(changes) and changes[next_change][0] <= moment:
            busy[changes[next_change][1]] += changes[next_change][2]
            next_change += 1
        while place < len(reasons) and reasons[place].at <= moment:
            idle = reasons[place].use
            place += 1
    return found


def _phases(stay: Stay, now: float) -> list[tuple[Use, float, float]]:
    end = now if stay.ended is None else stay.ended
    begun = end if stay.started is None else min(stay.started, end)
    told = end if stay.told is None else min(max(stay.told, begun), end)
    found, at = [(Use.STARTING, stay.claimed, begun)], begun
    for still, moves in stay.still:
        pause, again = (min(max(moment, at), told) for moment in (still, moves))
        found += [(Use.TRAINING, at, pause), (Use.PAUSED, pause, again)]
        at = again
    return [*found, (Use.TRAINING, at, told), (Use.SAVING, told, end)]


def idle_use(lost: bool, polite: bool, yielded: bool, foreign: bool, wanted: Use) -> Use:
    """Why a card stands idle.

    Args:
        lost: It does not answer.
        polite: It is left to somebody who works on it.
        yielded: A person has left it to others.
        foreign: Somebody else's process holds it.
        wanted: The queue's use of it.
    """
    reasons = ((lost, Use.LOST), (polite, Use.POLITE), (yielded, Use.YIELDED), (foreign, Use.FOREIGN))
    return next((use for holds, use in reasons if holds), wanted)


def per_mille(uses: Mapping[str, float]) -> dict[str, int]:
    """Thousandths of the whole by use, whole numbers that add up to a thousand: the largest remainders are rounded up.

    Args:
        uses: Use -> seconds.
    """
    total = sum(uses.values())
    if total <= 0:
        return dict.fromkeys(uses, 0)
    exact = {use: 1000 * seconds / total for use, seconds in uses.items()}
    found = {use: int(share) for use, share in exact.items()}
    by_rest = sorted(exact, key=lambda use: found[use] - exact[use])
    for use in by_rest[: 1000 - sum(found.values())]:
        found[use] += 1
    return found
