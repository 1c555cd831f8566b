"""The daemon's parts as handlers get them. Owns the shape of that bundle and how a handler gets it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from sqlalchemy import Connection

from storage.engine import Database
from tuned.core.callers import refuse
from tuned.core.errors import InvalidInput
from tuned.core.names import CALLER_HEADER, check_caller, nearest
from tuned.core.study import Study
from tuned.daemon import resolving
from tuned.daemon.analyses.analysing import Analysing
from tuned.daemon.attempts.live import Attempts
from tuned.daemon.callers import Caller, Callers
from tuned.daemon.cards.packing import Packing
from tuned.daemon.cards.polite import Polite
from tuned.daemon.cards.yields import Yields
from tuned.daemon.files.code_state import CodeStates
from tuned.daemon.files.graveyard import Graveyard
from tuned.daemon.files.retention import Retention
from tuned.daemon.foresight import Foreseeing
from tuned.daemon.hub import Hub
from tuned.daemon.launch.interpreters import Interpreters
from tuned.daemon.launch.launching import Launching
from tuned.daemon.machine.slots import Slots
from tuned.daemon.notices.notifier import Notifier
from tuned.daemon.places.places import Places
from tuned.daemon.preempting import Preempting
from tuned.daemon.search.suggesting import Suggesting
from tuned.wire import DaemonStatus

T = TypeVar("T")
_DRY_RUN = "dry_run"
_NOTHING = (b"", b"{}", b"null")
"""Bodies of clients that always send one."""

MACHINE = frozenset({"daemon", "gpus"})
"""Tags of the routes that concern the whole machine: a caller with caps has no business there."""


OWN_CAPS = "tell_caps"
"""The route of the daemon by which a caller may narrow its own caps."""


class _RolledBack(Exception):
    """Ends the transaction of a dry run, and carries its result."""

    def __init__(self, result: object) -> None:
        super().__init__()
        self.result = result


@dataclass(frozen=True, slots=True)
class Context:
    """The parts of the daemon that handlers use.

    Attributes:
        runs: Folder of the run directories.
        status: The daemon's status, from the numbers of studies, live and queued trials.
        stop: Ends the daemon; True: its trials, too.
        dry_run: Whether `commit` takes back what it did. Any request may be one, by `?dry_run=true`: what a route does
            beside `commit`, it leaves out then.
        caller: The caller, where it is a program that named itself; None: a person, or the daemon by itself.
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
    callers: Callers
    packing: Packing
    preempting: Preempting
    places: Places
    status: Callable[[int | None, int, int | None], DaemonStatus]
    stop: Callable[[bool], None]
    dry_run: bool = False
    caller: Caller | None = None

    @property
    def foreseeing(self) -> Foreseeing:
        """Foresees when trials start and studies end."""
        return Foreseeing(self.slots, self.packing, self.suggesting)

    async def study(self, name: str) -> Study:
        """The study of this name.

        Raises:
            NotFound: There is none.
        """
        return await self.database.ask(lambda conn: resolving.named(conn, name))

    async def commit(self, change: Callable[[Connection], T]) -> T:
        """Run a transaction and return its result; in a dry run it is rolled back, with its events.

        Raises:
            Conflict: It goes beyond the caller's caps; nothing has changed.
        """
        if self.caller is not None:
            change = self.caller.guarded(change)
        if not self.dry_run:
            return await self.database.writer.run(change)

        def tried(conn: Connection) -> T:
            raise _RolledBack(change(conn))

        try:
            return await self.database.writer.run(tried)
        except _RolledBack as ended:
            result: T = ended.result  # type: ignore[assignment]
            return result


async def _context(request: Request) -> Context:
    # A coroutine, because plain functions are run in a thread of their own.
    context: Context = request.app.state.context
    name = request.headers.get(CALLER_HEADER)
    if name:
        context = replace(context, caller=await context.callers.caller(check_caller(name)))
        _refuse_machine(context.caller, request)
    _refuse_unknown(request)
    await _refuse_body(request)
    return replace(context, dry_run=_is_dry_run(request))


def _refuse_unknown(request: Request) -> None:
    """A word that is not understood may have asked for anything, such as a dry run: nothing is done then."""
    known = [_DRY_RUN, *_query_names(request.scope["route"].dependant)]
    for key in request.query_params:
        if key not in known:
            raise InvalidInput("is not a known parameter", where=f"?{key}", hint=nearest(key, known))


async def _refuse_body(request: Request) -> None:
    """So may a body where none is read."""
    if request.method == "GET" or request.scope["route"].body_field is not None:
        return
    if (await request.body()).strip() not in _NOTHING:
        raise InvalidInput("takes no body", where=request.url.path, hint=f"write behind it: ?{_DRY_RUN}=true")


def _query_names(dependant: Any) -> Iterator[str]:
    """Parameters of the query that a route knows, and that those it depends on do."""
    yield from (field.alias for field in dependant.query_params)
    for other in dependant.dependencies:
        yield from _query_names(other)


def _is_dry_run(request: Request) -> bool:
    told = request.query_params.getlist(_DRY_RUN)
    wrong = next((word for word in told if word.lower() not in ("true", "false")), None)
    if wrong is not None:
        raise InvalidInput(f"{wrong!r} is neither true nor false", where=f"?{_DRY_RUN}", hint=f"e.g. {_DRY_RUN}=true")
    return any(word.lower() == "true" for word in told)


def _refuse_machine(caller: Caller | None, request: Request) -> None:
    if caller is None or caller.caps is None or caller.caps.others or request.method == "GET":
        return
    route = request.scope["route"]
    if MACHINE.intersection(route.tags) and route.name != OWN_CAPS:
        refuse(caller.name, "others", f"{caller.name} may change studies of its own alone, not the machine")


Given = Annotated[Context, Depends(_context)]
