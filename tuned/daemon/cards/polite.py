"""Polite mode: our trials leave a card on which somebody else begins to work, and come back when it is quiet.

Owns the switch, and who a card was left to, be it by the clock. The rules are `core.cards.polite`'s, leaving a card
`tuned.daemon.cards.yields`'.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from storage.engine import Database
from storage.facts import fact, keep_fact
from tuned.core.cards.polite import Politeness, Presence, Quiet, politeness_of, quiet_since, quiet_until, seen
from tuned.core.errors import TunedError
from tuned.daemon import clock
from tuned.daemon.cards.yields import Yields
from tuned.daemon.machine.processes import owner
from tuned.daemon.machine.slots import Slot, Slots

log = logging.getLogger(__name__)

KEY = "gpu/polite"
TAKEN = "gpu/taken"
"""Cards that a person took back, each with a moment (unix seconds): `polite`: since when somebody works on it; `quiet`:
when it was taken in its quiet hours."""
QUIET = "left to others in quiet hours"
"""The reason shown while quiet hours last; the text goes on with their end."""


class Polite:
    """Watches who else works on the cards.

    Args:
        settings: Reads `[gpu]` of `config.toml`, anew at each look.
    """

    def __init__(
        self, database: Database, slots: Slots, yields: Yields, settings: Callable[[], Mapping[str, Any]]
    ) -> None:
        self._database = database
        self._slots = slots
        self._yields = yields
        self._settings = settings
        self._rules: Politeness | None = None
        """As they were read last; None: not yet."""
        self._presences: dict[str, Presence] = {}
        self._quiet: dict[str, bool] = {}
        """Card in its quiet hours -> whether our trials have left it; no: a person has taken it back."""
        self._taken: dict[str, dict[str, float]] = {"polite": {}, "quiet": {}}
        self.on = False
        self.trouble = ""
        self._one_at_a_time = asyncio.Lock()
        """Held by a look at a card and by the switch: each acts on what the other has left."""

    async def begin(self) -> None:
        """Read whether polite mode is on, and which cards an earlier daemon had left."""
        self.on = bool(await self._database.ask(lambda conn: fact(conn, KEY)))
        self._taken |= await self._database.ask(lambda conn: fact(conn, TAKEN)) or {}
        self._presences = {slot_id: Presence(since, kept=True) for slot_id, since in self._taken["polite"].items()}
        for slot_id, since in self._yields.left_since().items():
            if self._slots.left_to.get(slot_id, "").startswith(QUIET):
                self._quiet[slot_id] = True
            else:
                self._presences[slot_id] = Presence(since, left=True)

    async def switch(self, on: bool) -> None:
        """Turn it on or off, also for the daemons to come; off, every card that was left is taken back."""
        async with self._one_at_a_time:
            await self._database.writer.run(lambda conn: keep_fact(conn, KEY, on or None))
            self.on = on
            if not on:
                left = [slot_id for slot_id, one in self._presences.items() if one.left]
                self._presences.clear()
                for slot_id in left:
                    await self._yields.come_back(slot_id)

    async def look(self) -> None:
        """After the cards were looked at: leave those where somebody else has begun, and come back."""
        try:
            self._rules, self.trouble = politeness_of(self._settings()), ""
        except TunedError as error:
            rules = "its defaults" if self._rules is None else "what stood in the file before"
            self.trouble = f"polite mode goes by {rules}: {error}"
        at = datetime.fromtimestamp(clock.now())  # noqa: DTZ006 - quiet hours go by the clock on the wall
        for slot in self._slots.gpus:
            try:
                async with self._one_at_a_time:
                    await self._look(slot, at)
            except TunedError as error:
                log.info("%s is not left: %s", slot.label, error)
        await self._keep_taken()

    async def _look(self, slot: Slot, at: datetime) -> None:
        rules = self._rules or Politeness()
        until = quiet_until(rules.quiet, slot.index, at)
        if until or slot.id in self._quiet:
            if self._rules is not None:  # else nobody knows yet whether they are over
                taken = slot.id not in self._quiet and self._taken_in(rules.quiet, slot, at)
                await self._by_the_clock(slot, until, taken)
        elif self.on:
            await self._by_others(slot, rules)

    def _taken_in(self, rules: Sequence[Quiet], slot: Slot, at: datetime) -> bool:
        """Whether a person took a card back in these very quiet hours, before this daemon began."""
        since = self._taken["quiet"].get(slot.id)
        return since is not None and quiet_since(rules, slot.index, datetime.fromtimestamp(since), at)  # noqa: DTZ006

    async def _keep_taken(self) -> None:
        before, now = self._taken["quiet"], clock.now()
        quiet = {slot_id: before.get(slot_id, now) for slot_id, left in self._quiet.items() if not left}
        polite = {slot_id: one.since or 0.0 for slot_id, one in self._presences.items() if one.kept}
        taken = {"polite": polite, "quiet": quiet}
        if taken != self._taken:
            self._taken = taken
            await self._database.writer.run(lambda conn: keep_fact(conn, TAKEN, taken if polite or quiet else None))

    async def _by_the_clock(self, slot: Slot, until: str, taken: bool) -> None:
        """Leave a card for its quiet hours, and return after them; other users of the card are then looked for afresh.

        Args:
            slot: The card.
            until: Their end; empty outside of them.
            taken: Whether a person had taken it back in them before this daemon began.
        """
        if not until:
            if self._quiet.pop(slot.id):
                await self._yields.come_back(slot.id)
        elif slot.id not in self._quiet and taken:
            self._quiet[slot.id] = False
        elif slot.id not in self._quiet:
            await self._yields.leave(slot, f"{QUIET} until {until}", clock.now())
            self._presences.pop(slot.id, None)
            self._quiet[slot.id] = True
        elif not self._left(slot):
            self._quiet[slot.id] = False  # a person took it back

    async def _by_others(self, slot: Slot, settings: Politeness) -> None:
        """Leave a card where somebody else works, and come back when it is quiet."""
        now = clock.now()
        before = self._presences.get(slot.id, Presence())
        if before.left and not self._left(slot):
            # A person took it back: our trials stay until whoever is there has gone.
            before = Presence(before.since, before.quiet_since, kept=True)
        judgement = self._slots.judgements.get(slot.id)
        if judgement is None:
            return  # it does not answer
        pids = [pid for pid in judgement.others if settings.whose == "all" or not _is_ours(pid)]
        busy = self._slots.samples[slot.id].busy
        used = sum(busy.get(pid, 0.0) for pid in pids)
        there = bool(pids) and settings.works(self._held(slot, pids, judgement.foreign), used)
        after, act = seen(before, there, settings, now)
        if act == "leave":
            since = now if after.since is None else after.since
            user, command = owner(pids[0])
            who = f"{user or 'somebody'}{f' ({command[:60]})' if command else ''}"
            text = f"left to {who} since {time.strftime('%H:%M', time.localtime(since))}"
            await self._yields.leave(slot, text, since)
        elif act == "return":
            await self._yields.come_back(slot.id)
        self._presences[slot.id] = after

    def _held(self, slot: Slot, pids: list[int], foreign: int) -> int:
        sizes = [self._slots.samples[slot.id].processes.get(pid) for pid in pids]
        return foreign if None in sizes else sum(size for size in sizes if size is not None)

    @property
    def notes(self) -> list[str]:
        """Cards that were left, and what is wrong with the settings; one line each."""
        left = [f"{slot.label} is {self._slots.left_to[slot.id]}" for slot in self._slots.gpus if self._left(slot)]
        return [*left, self.trouble] if self.trouble else left

    def _left(self, slot: Slot) -> bool:
        return slot.id in self._slots.left_to


def _is_ours(pid: int) -> bool:
    """Whether it is a process of this user; one that cannot be seen is somebody else's."""
    try:
        return Path(f"/proc/{pid}").stat().st_uid == os.getuid()
    except OSError:
        return False
