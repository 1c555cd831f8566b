"""The list of fetches and their times. Pure: time comes from outside, and a callback wakes the fetcher."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Need:
    """Something to fetch: `kind` is status, studies, trials, page, detail, curve, log or queue."""

    kind: str
    study: str = ""
    number: int = 0


class Needs:
    """A list without repetitions: of two wishes for the same thing the earlier one stands.

    Args:
        timer: Seconds.

    Attributes:
        wake: Called when something new is wanted.
    """

    def __init__(self, timer: Callable[[], float]) -> None:
        self.timer = timer
        self.wake: Callable[[], None] = lambda: None
        self._due: dict[Need, float] = {}

    def add(self, need: Need, delay: float = 0.0) -> None:
        """Want something in `delay` seconds."""
        at = self.timer() + delay
        if need not in self._due or self._due[need] > at:
            self._due[need] = at
            self.wake()

    def due(self) -> list[Need]:
        """The fetches that are due, taken off the list."""
        now = self.timer()
        ready = [need for need, at in self._due.items() if at <= now]
        for need in ready:
            del self._due[need]
        return ready

    def next_due(self) -> float | None:
        """Seconds until something must be fetched; None when nothing must."""
        return max(0.0, min(self._due.values()) - self.timer()) if self._due else None

    def waiting(self) -> list[Need]:
        """All that is on the list."""
        return list(self._due)

    def clear(self) -> None:
        """Want nothing."""
        self._due.clear()
