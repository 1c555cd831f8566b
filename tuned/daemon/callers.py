"""Callers at work: who asks, within which caps, and the halt of a caller that has used them up.

Owns the guard around a caller's transaction and the loop that halts. The caps are `tuned.core.callers`', what was used
is the database's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection

from storage import queries
from storage.engine import Database
from storage.facts import fact
from storage.queries.callers import TOLD
from storage.writer import CALLER, EVENTS
from tuned.core import words
from tuned.core.callers import Caps, caps_for, check_change, halted, over, refuse, refuse_trials
from tuned.core.errors import TunedError
from tuned.core.states import STUDY_ENDED, StudyState
from tuned.daemon import clock, failpoints

log = logging.getLogger(__name__)

T = TypeVar("T")
LOOK_S = 5.0
"""Between two looks whether a cap is reached."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A program that named itself, and the caps that a person has set; None: none."""

    name: str
    caps: Caps | None

    def guarded(self, change: Callable[[Connection], T]) -> Callable[[Connection], T]:
        """The transaction, under the caller's name and within its caps."""

        def run(conn: Connection) -> T:
            conn.info[CALLER] = self.name
            try:
                return change(conn) if self.caps is None else self._within(conn, change, self.caps)
            finally:
                conn.info.pop(CALLER, None)

        return run

    def refuse_beyond(self, conn: Connection, more: int, now: float) -> None:
        """Refuse so many further trials that go beyond the caps whatever else is true, before they are made.

        Raises:
            Conflict: They do.
        """
        if self.caps is None or self.caps.trials is None:
            return
        made, most = queries.trials_made(conn, self.name), self.caps.trials
        if made + more > max(most, queries.spent(conn, self.name, now).trials):
            refuse_trials(self.name, most, made + more)

    def _within(self, conn: Connection, change: Callable[[Connection], T], caps: Caps) -> T:
        now = clock.now()
        seen, owners = len(conn.info[EVENTS]), queries.study_owners(conn)
        before, endless = queries.spent(conn, self.name, now), queries.endless_studies(conn, self.name)
        result = change(conn)
        after = queries.spent(conn, self.name, now)
        owners = {**owners, **queries.study_owners(conn)}
        happened = conn.info[EVENTS][seen:]
        if not caps.others and (urgent := queries.urgent_study(conn, self.name)):
            refuse(self.name, "others", f"{urgent} may not be urgent: trials of others would make room for it")
        if caps.trials is not None and (more := queries.endless_studies(conn, self.name) - endless):
            what = f"{min(more)} does not say how many (search.trials)"
            refuse(self.name, "trials", f"{self.name} may have {words.count(caps.trials, 'trial')} in all, and {what}")
        check_change(self.name, caps, happened, owners, (before.trials, after.trials, before.hours))
        return result


class Callers:
    """Knows the caps, and halts who has used them up.

    Args:
        settings: Reads `[caller]` of `config.toml`, anew at each question.
        halt: Pauses studies for a reason, and what can go on later of their running trials.
    """

    def __init__(
        self,
        database: Database,
        settings: Callable[[], Mapping[str, Any]],
        halt: Callable[[list[str], str], Awaitable[None]],
    ) -> None:
        self._database = database
        self._settings = settings
        self._halt = halt

    async def caller(self, name: str) -> Caller:
        """The caller of this name, with its caps as they are now.

        Raises:
            InvalidInput: config.toml is wrong: nobody is let through with caps that cannot be read.
        """
        told = await self._database.ask(lambda conn: fact(conn, TOLD) or {})
        return Caller(name, caps_for(name, self._settings(), told))

    async def accounts(self) -> dict[str, tuple[Caps | None, queries.Spent]]:
        """Caller -> its caps and what it has used: all that have used something, or have caps."""
        tables, now = self._settings(), clock.now()

        def read(conn: Connection) -> dict[str, tuple[Caps | None, queries.Spent]]:
            told = fact(conn, TOLD) or {}
            names = sorted({*queries.callers(conn), *(name for name in tables if name != "*")})
            return {name: (caps_for(name, tables, told), queries.spent(conn, name, now)) for name in names}

        return await self._database.ask(read)

    async def watch(self) -> None:
        """Halt callers that have used up a cap, until cancelled."""
        told = ""
        while True:
            failpoints.reach("loop.callers")
            await asyncio.sleep(LOOK_S)
            try:
                await self._look()
                told = ""
            except TunedError as error:
                if str(error) != told:
                    log.warning("caps are not looked at: %s", error)
                told = str(error)

    async def _look(self) -> None:
        if not self._settings() and not await self._database.ask(lambda conn: fact(conn, TOLD)):
            return  # nobody is capped, as on most machines: a look costs next to nothing
        for name, (caps, used) in (await self.accounts()).items():
            why = over(caps, used.trials, used.hours) if caps else ""
            studies = await self._database.ask(partial(_at_work, caller=name)) if why else []
            if studies:
                log.info("%s is halted: %s", name, why)
                await self._halt(studies, halted(name, why))


def _at_work(conn: Connection, caller: str) -> list[str]:
    owners = queries.study_owners(conn)
    states = (*STUDY_ENDED, StudyState.PAUSED)
    return [
        s.name
        for s in queries.studies(conn, active_only=True)
        if owners.get(s.name) == caller and s.state not in states
    ]
