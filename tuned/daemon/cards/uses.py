"""Notes why cards stand idle, whenever that changes, and the account of their time.

Owns these notes and their reading; how they add up is `tuned.core.cards.time`'s.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from sqlalchemy import Connection

from storage import queries
from storage.engine import Database
from storage.repository.card_uses import forget_uses, note_uses
from tuned.core.cards.time import OURS, Use, card_time, idle_use
from tuned.daemon import clock
from tuned.daemon.machine.slots import Slot, Slots
from tuned.wire import CardTime

KEPT_S = 31 * 86_400.0
DAY_S = 86_400.0
AGAIN_S = 60.0
"""Between two accounts of the last day."""


def ledger(conn: Connection, cards: Sequence[Slot], since: float, until: float) -> list[CardTime]:
    """Where the time of each card went between two moments (unix seconds), or since records of it began."""
    marks, stays = queries.card_marks(conn), queries.card_stays(conn, since)
    found = []
    for card in cards:
        noted, held = marks.get(card.id, []), stays.get(card.id, [])
        first = min([*(mark.at for mark in noted), *(stay.claimed for stay in held)], default=until)
        begin = min(until, max(since, first))
        account = card_time(held, noted, begin, until)
        uses = {use.value: account[use] for use in Use if use in account}
        found.append(CardTime(card.index, card.name, begin, until, uses, [use.value for use in OURS]))
    return found


class CardUses:
    """Writes a note for each card whose reason has changed."""

    def __init__(self, database: Database, slots: Slots) -> None:
        self._database = database
        self._slots = slots
        self._noted: dict[str, Use] = {}
        self._wanted = Use.NOTHING
        self._one_at_a_time = asyncio.Lock()
        self._accounted = 0.0
        self.day: dict[str, dict[str, float]] = {}
        """Card -> use -> seconds of the last day, a minute old at most while trials run."""

    async def begin(self, last_alive: float | None) -> None:
        """No daemon ran since its last sign of life, in the database or the one that is given.

        Args:
            last_alive: Unix seconds; None: not known.
        """
        now, here = clock.now(), [slot.id for slot in self._slots.gpus]

        def note(conn: Connection) -> None:
            signs = [sign for sign in (queries.last_sign(conn), last_alive) if sign is not None]
            # Those of a driver that is not loaded yet, too.
            cards = dict.fromkeys([*here, *queries.card_marks(conn)], Use.OFF)
            forget_uses(conn, now - KEPT_S)
            if signs:
                note_uses(conn, cards, min(now, max(signs)))

        await self._database.writer.run(note)

    async def note(self, wanted: Use) -> None:
        """Look at every card.

        Args:
            wanted: The reason to note for a free card that no trial is on: the queue's need of it.
        """
        self._wanted = wanted
        async with self._one_at_a_time:
            await self._note_changes()

    async def _note_changes(self) -> None:
        now, changed = clock.now(), {}
        for slot in self._slots.gpus:
            if self._slots.leases.get(slot.id) and slot.id in self._noted:
                continue  # its reason is noted when it stands idle again
            judgement = self._slots.judgements.get(slot.id)
            use = idle_use(
                lost=slot.id in self._slots.lost,
                polite=slot.id in self._slots.left_to,
                yielded=self._slots.yielded.get(slot.id, 0.0) > now,
                foreign=bool(judgement and judgement.blocked),
                wanted=self._wanted,
            )
            if self._noted.get(slot.id) is not use:
                changed[slot.id] = use
        if changed:
            await self._database.writer.run(lambda conn: note_uses(conn, changed, now))
            self._noted |= changed

    async def look(self) -> None:
        """After the cards were looked at: note what has changed on them, and renew the account of the last day."""
        async with self._one_at_a_time:
            await self._note_changes()
        if not self._slots.gpus or time.monotonic() - self._accounted < AGAIN_S:
            return
        self._accounted = time.monotonic()
        cards, now = list(self._slots.gpus), clock.now()
        found = await self._database.ask(lambda conn: ledger(conn, cards, now - DAY_S, now))
        self.day = {card.id: account.uses for card, account in zip(cards, found, strict=True)}
