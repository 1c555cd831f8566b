"""One of several machines, followed: its daemon's state and its studies, or why it is away.

Owns that following, which goes on for ever, and knows no screen. A machine that was chosen is `tui.link`'s.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tui.link import RETRY, first_of
from tui.picture import sort_studies
from tuned.client import api
from tuned.client.aio import AsyncClient
from tuned.core.errors import TunedError, Unavailable
from tuned.core.states import STUDY_ENDED
from tuned.wire import DaemonStatus, StudyRow

LOOK_EVERY = 10.0
"""Seconds between two looks at a daemon that tells nothing."""
BETWEEN = 1.0
"""Seconds between two looks at one that tells much."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a machine is reached.

    Attributes:
        name: As the list shows it.
        host: `ssh://...`; None: this machine.
        socket: Its daemon's, here.
        problem: Says why there is no line to it; empty while there is one.
    """

    name: str
    host: str | None
    socket: Path
    problem: Callable[[], str]


class Machine:
    """A machine of the list.

    Args:
        endpoint: Where it is.
        clock: Unix seconds.

    Attributes:
        status: Of its daemon, when it last answered; None: it never did.
        studies: The same, in the order of a list.
        away: Why it does not answer; empty while it does.
        since: When it was last heard of, in unix seconds.
    """

    def __init__(self, endpoint: Endpoint, clock: Callable[[], float] = time.time) -> None:
        self.endpoint = endpoint
        self.clock = clock
        self.status: DaemonStatus | None = None
        self.studies: list[StudyRow] = []
        self.away = "connecting"
        self.since = clock()
        self.changed: Callable[[], None] = lambda: None
        self._news = asyncio.Event()

    def listed(self, with_ended: bool) -> list[StudyRow]:
        """The studies that are shown."""
        return [row for row in self.studies if with_ended or row.state not in STUDY_ENDED]

    async def follow(self) -> None:
        """Keep this picture like the machine, until cancelled."""
        failures = 0
        while True:
            problem = ""
            try:
                async with AsyncClient(self.endpoint.socket) as client:
                    await self._session(client)
            except* TunedError as group:
                problem = first_of(group).what
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise asyncio.CancelledError
            failures = failures + 1 if self.away else 0
            self.away = self.endpoint.problem() or problem or "its daemon ended the event stream"
            self.changed()
            await asyncio.sleep(RETRY[min(failures, len(RETRY) - 1)])

    async def look(self, client: AsyncClient) -> None:
        """See how it is now.

        Raises:
            TunedError: It is away.
        """
        status, studies = await asyncio.gather(client.send(api.status()), client.send(api.studies()))
        self.status, self.studies = status, sort_studies(studies)
        self.away, self.since = "", self.clock()
        self.changed()

    async def _session(self, client: AsyncClient) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(client))
            while True:
                self._news.clear()
                await self.look(client)
                await asyncio.sleep(BETWEEN)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_EVERY):
                        await self._news.wait()

    async def _listen(self, client: AsyncClient) -> None:
        async for _ in client.events(opened=self._news.set):
            self._news.set()
        raise Unavailable("its daemon ended the event stream")
