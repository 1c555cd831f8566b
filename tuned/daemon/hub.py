"""Spreads committed events inside the daemon: wakes the scheduler, and everyone who follows the stream.

Owns no event: the event table is the outbox, and who is woken reads there what is new. A wake-up that is lost costs
time, never an event.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tuned.core.events import STUDY_NOTE, TRIAL_INTENT, TRIAL_METRICS, TRIAL_MOVED, Event
from tuned.core.states import LIVE


class Hub:
    """Wake-ups after commits. Everything but `committed` is for the event loop's thread alone."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._followers: set[asyncio.Event] = set()
        self._listeners: list[Callable[[list[Event]], None]] = []
        self.scheduler = asyncio.Event()
        self.closed = False

    def listen(self, listener: Callable[[list[Event]], None]) -> None:
        """Call this with every batch of committed events, on the event loop."""
        self._listeners.append(listener)

    def committed(self, events: list[Event]) -> None:
        """Called by the writer's thread after a commit."""
        if events and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._spread, events)

    def _spread(self, events: list[Event]) -> None:
        if any(_frees_or_queues(event) for event in events):
            self.scheduler.set()
        for follower in self._followers:
            follower.set()
        for listener in self._listeners:
            listener(events)

    @contextmanager
    def follow(self) -> Iterator[asyncio.Event]:
        """An event that is set after every commit, and when the daemon stops (see `closed`)."""
        event = asyncio.Event()
        self._followers.add(event)
        try:
            yield event
        finally:
            self._followers.discard(event)

    def close(self) -> None:
        """Let every follower go."""
        self.closed = True
        for follower in self._followers:
            follower.set()


_NO_WORK = frozenset({TRIAL_METRICS, TRIAL_INTENT, STUDY_NOTE})


def _frees_or_queues(event: Event) -> bool:
    """Whether the scheduler may have something to do: not for progress of what it started itself."""
    if event.type in _NO_WORK:
        return False
    return event.type != TRIAL_MOVED or event.data.get("to") not in LIVE
