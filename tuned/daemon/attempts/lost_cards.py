"""Has trials leave a card that does not answer any more, where they neither end nor fail by themselves.

Owns how long that is waited for. A trial that fails on such a card is `core.trials.endings`' affair.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

from sqlalchemy import Connection

from storage import queries
from storage.engine import Database
from storage.repository import set_intent
from tuned.core.states import Actor, StopReason
from tuned.daemon import clock
from tuned.daemon.attempts.live_attempt import LiveAttempt
from tuned.daemon.attempts.steering import Steering
from tuned.daemon.machine.slots import Slots

log = logging.getLogger(__name__)

STUCK_S = 60.0


class LostCards:
    """Watches for trials that hang on lost cards.

    Args:
        live: Trial id -> its live attempt.
    """

    def __init__(self, database: Database, slots: Slots, live: Mapping[int, LiveAttempt], steering: Steering) -> None:
        self._database = database
        self._slots = slots
        self._live = live
        self._steering = steering
        self._since: dict[str, float] = {}

    async def look(self) -> None:
        """After the cards were looked at: stop what has stayed too long on one that is lost; it is queued again.

        Those that a person has had stand still are paused then, and wait for the person.

        A driver that answers for no card says nothing about them: trials go on computing while it is upgraded.
        """
        now, lost = time.monotonic(), {} if self._slots.trouble else self._slots.lost
        self._since = {card: self._since.get(card, now) for card in lost}
        stuck = {card for card, since in self._since.items() if now - since >= STUCK_S}
        found = [attempt for attempt in self._live.values() if stuck & set(attempt.device.split(","))]
        if not found:
            return

        def stop(conn: Connection) -> list[int]:
            return [attempt.trial_id for attempt in found if self._stop(conn, attempt)]

        stopped = await self._database.writer.run(stop)
        await self._steering.settle(stopped)

    def _stop(self, conn: Connection, attempt: LiveAttempt) -> bool:
        cards = [card for card in attempt.device.split(",") if card in self._slots.lost]
        why = "; ".join(f"{self._slots.label(card)}: {self._slots.lost[card]}" for card in cards)
        held = queries.trial_by_id(conn, attempt.trial_id).held
        return set_intent(conn, attempt.trial_id, StopReason.PAUSE, Actor.SCHEDULER, clock.now(), why, requeue=not held)
