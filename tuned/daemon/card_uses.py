"""Notes why cards stand idle, whenever that changes, for the account of their time.

Owns these notes; the account is `tuned.core.queue.card_time`'s.
"""

from __future__ import annotations

from sqlalchemy import Connection

from storage.engine import Database
from storage.repository.card_uses import forget_uses, note_uses
from tuned.core.queue.card_time import Use, idle_use
from tuned.daemon import clock
from tuned.daemon.machine.slots import Slots

KEPT_S = 31 * 86_400.0


class CardUses:
    """Writes a note for each card whose reason has changed."""

    def __init__(self, database: Database, slots: Slots) -> None:
        self._database = database
        self._slots = slots
        self._noted: dict[str, Use] = {}

    async def begin(self, last_alive: float | None) -> None:
        """No daemon ran since this moment (unix seconds); None: not known."""
        if last_alive is not None and self._slots.gpus:
            off = dict.fromkeys((slot.id for slot in self._slots.gpus), Use.OFF)

            def note(conn: Connection) -> None:
                forget_uses(conn, clock.now() - KEPT_S)
                note_uses(conn, off, last_alive)

            await self._database.writer.run(note)

    async def note(self, wanted: Use) -> None:
        """Look at every card.

        Args:
            wanted: What the queue would do with one that could be leased.
        """
        now, changed = clock.now(), {}
        for slot in self._slots.gpus:
            if self._slots.leases.get(slot.id):
                continue  # its reason is noted when it stands idle again
            judgement = self._slots.judgements.get(slot.id)
            use = idle_use(
                lost=slot.id in self._slots.lost,
                polite=slot.id in self._slots.left_to,
                yielded=self._slots.yielded.get(slot.id, 0.0) > now,
                foreign=bool(judgement and judgement.blocked),
                wanted=wanted,
            )
            if self._noted.get(slot.id) is not use:
                changed[slot.id] = use
        if changed:
            await self._database.writer.run(lambda conn: note_uses(conn, changed, now))
            self._noted |= changed
