"""The daemon's parts as handlers get them. Owns the shape of that bundle and how a handler gets it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from storage.engine import Database
from tuned.core.study import Study
from tuned.daemon import resolving
from tuned.daemon.analyses.analysing import Analysing
from tuned.daemon.attempts.live import Attempts
from tuned.daemon.files.code_state import CodeStates
from tuned.daemon.files.graveyard import Graveyard
from tuned.daemon.files.retention import Retention
from tuned.daemon.hub import Hub
from tuned.daemon.launch.interpreters import Interpreters
from tuned.daemon.launch.launching import Launching
from tuned.daemon.machine.slots import Slots
from tuned.daemon.notices.notifier import Notifier
from tuned.daemon.polite import Polite
from tuned.daemon.search.suggesting import Suggesting
from tuned.daemon.yields import Yields
from tuned.wire import DaemonStatus


@dataclass(frozen=True, slots=True)
class Context:
    """The parts of the daemon that handlers use.

    Attributes:
        runs: Folder of the run directories.
        status: The daemon's status, from the numbers of studies, live and queued trials.
        stop: Ends the daemon; True: its trials, too.
    """

    runs: Path
    database: Database
    hub: Hub
    slots: Slots
    attempts: Attempts
    launching: Launching
    interpreters: Interpreters
    codes: CodeStates
    suggesting: Suggesting
    analysing: Analysing
    retention: Retention
    graveyard: Graveyard
    notifier: Notifier
    yields: Yields
    polite: Polite
    status: Callable[[int, int, int], DaemonStatus]
    stop: Callable[[bool], None]

    async def study(self, name: str) -> Study:
        """The study of this name.

        Raises:
            NotFound: There is none.
        """
        return await self.database.ask(lambda conn: resolving.named(conn, name))


async def _context(request: Request) -> Context:
    # A coroutine, because plain functions are run in a thread of their own.
    context: Context = request.app.state.context
    return context


Given = Annotated[Context, Depends(_context)]
