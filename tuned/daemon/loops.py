"""The daemon's background loops: one that raises is logged, counted, and started again with a growing pause.

Owns that guard and the failures that `tunectl daemon status` shows. A loop keeps no state between its starts that a
second start would not make anew.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from tuned.core import words
from tuned.core.errors import TunedError
from tuned.protocol import SCARCE

log = logging.getLogger(__name__)

PAUSES_S = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Before the next start, by the number of failures in a row."""
CALM_S = 120.0
"""A loop that ran so long has overcome its trouble: its next failure is the first of a row, and nothing is noted."""


def in_background(work: Coroutine[Any, Any, None], tasks: set[asyncio.Task[None]], name: str | None = None) -> None:
    """Begin work that nobody waits for; while it goes on, its task is among these."""
    task = asyncio.create_task(work, name=name)
    tasks.add(task)
    task.add_done_callback(tasks.discard)


@dataclass(slots=True)
class Trouble:
    """The failures of one loop.

    Attributes:
        count: All of them since the daemon's start.
        row: Those with less than `CALM_S` in between.
        last: The last one, in one line.
        at: When that was, in seconds of the monotonic clock.
    """

    count: int = 0
    row: int = 0
    last: str = ""
    at: float = 0.0


ACCEPTING = "accepting connections"
_ONE_TRY_S = 0.5
"""Reports within this time belong to one try."""


class Loops:
    """Starts loops and watches over them. For the event loop's thread alone."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.troubles: dict[str, Trouble] = {}

    def watch_tasks(self, loop: asyncio.AbstractEventLoop) -> None:
        """Count as well what fails in a callback, or in a task that nobody waits for."""
        loop.set_exception_handler(self._unawaited)

    def start(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Run this until it returns, or until `stop` or `close`; after a failure it is run once more."""
        self._tasks[name] = asyncio.create_task(self._keep(name, run), name=name)

    def stop(self, name: str) -> None:
        """End one loop."""
        self._tasks[name].cancel()

    async def close(self) -> None:
        """End every loop."""
        for task in self._tasks.values():
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks.values())

    def failed(self, name: str, error: BaseException, where: str = "") -> float:
        """Note a failure.

        Args:
            name: Of the loop, or of many alike, such as those that follow one trial each: names are counted, and stay.
            error: As it was raised.
            where: Which of many it was.

        Returns:
            Seconds to wait before the next try.
        """
        trouble = self.troubles.setdefault(name, Trouble())
        now = time.monotonic()
        trouble.row = trouble.row + 1 if now - trouble.at < CALM_S else 1
        trouble.count, trouble.at = trouble.count + 1, now
        told = f"{type(error).__name__}: {error}".splitlines()[0]
        trouble.last = f"{where}: {told}" if where else told
        if isinstance(error, OSError | TunedError):
            # A full disk and its like: nothing that a traceback would explain.
            log.warning("%s failed: %s", name, trouble.last)
        else:
            log.error("%s failed: %s", name, trouble.last, exc_info=error)
        return PAUSES_S[min(trouble.row, len(PAUSES_S)) - 1]

    @property
    def counts(self) -> dict[str, int]:
        """Name -> failures since the daemon's start; loops without any are left out."""
        return {name: trouble.count for name, trouble in sorted(self.troubles.items())}

    @property
    def notes(self) -> list[str]:
        """The troubles of now, one line each."""
        since = time.monotonic() - CALM_S
        return [
            f"{name}: failed {words.count(trouble.count, 'time')}, and started again each time; "
            f"last: {trouble.last} (see tunectl daemon logs)"
            for name, trouble in sorted(self.troubles.items())
            if trouble.at > since
        ]

    async def _keep(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await run()
                return
            except Exception as error:  # noqa: BLE001 - whatever it is, the daemon needs this loop
                pause = self.failed(name, error)
            await asyncio.sleep(pause)

    def _unawaited(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if error is None:
            loop.default_exception_handler(context)
            return
        if "socket" in context and isinstance(error, OSError) and error.errno in SCARCE:
            # asyncio tries again in a second, and says so once for each place in the queue of connections.
            seen = self.troubles.get(ACCEPTING)
            if seen is None or time.monotonic() - seen.at > _ONE_TRY_S:
                self.failed(ACCEPTING, error)
            return
        task = context.get("future") or context.get("task")
        self.failed(task.get_name() if isinstance(task, asyncio.Task) else "a callback", error)
