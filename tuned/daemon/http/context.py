"""What handlers are given. Owns the shape of that bundle and how a handler gets it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from storage.engine import Database
from tuned.daemon.analyses.analysing import Analysing
from tuned.daemon.files.retention import Retention
from tuned.daemon.hub import Hub
from tuned.daemon.machine.slots import Slots
from tuned.daemon.notices.notifier import Notifier
from tuned.daemon.playbook.steps import Finishing
from tuned.daemon.search.suggesting import Suggesting
from tuned.daemon.steering.service import Service
from tuned.daemon.studies.space import SpaceService
from tuned.daemon.studies.submitting import Submitting
from tuned.daemon.yields import Gpus
from tuned.wire import DaemonStatus


@dataclass(frozen=True, slots=True)
class Context:
    """The parts of the daemon that handlers use; `status` and `stop` are the application's own."""

    service: Service
    submitting: Submitting
    spaces: SpaceService
    database: Database
    hub: Hub
    slots: Slots
    suggesting: Suggesting
    analysing: Analysing
    retention: Retention
    status: Callable[[int, int, int], DaemonStatus]
    stop: Callable[[bool], None]
    gpus: Gpus
    notifier: Notifier
    finishing: Finishing


async def _context(request: Request) -> Context:
    # A coroutine, because plain functions are run in a thread of their own.
    context: Context = request.app.state.context
    return context


Given = Annotated[Context, Depends(_context)]
