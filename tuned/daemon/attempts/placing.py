"""One attempt's way through its place, as the daemon knows it. Owns these fields; `placed` takes the steps."""

from __future__ import annotations

from dataclasses import dataclass

from tuned.daemon.places.station import Station

QUICK_S, SLOW_S = 1.0, 10.0
"""Between two looks at a folder that changes, and at one that does not."""


@dataclass(slots=True)
class Placing:
    """The daemon's picture of one attempt's way through its place; times of the monotonic clock.

    Attributes:
        station: The place's.
        fresh: Nothing can have been submitted under its name: the engine need not be asked first.
        submitted: The engine has taken it, or had it when it was asked.
        again: How often it was submitted once more, as the engine had lost it.
        ended_at: When the engine was first known to have ended it.
        fenced_at: When it was left word that it is over; 0.0: it was not.
        asked_at: When it was asked to stop it last.
        pause: Seconds until its folder is looked at again.
    """

    station: Station
    fresh: bool
    submitted: bool = False
    again: int = 0
    ended_at: float = 0.0
    fenced_at: float = 0.0
    asked_at: float = 0.0
    killed_at: float = 0.0
    pause: float = QUICK_S
