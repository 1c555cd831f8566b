"""The event table: every change leaves a row here, in the change's own transaction.

Owns adding and forgetting events. `tuned.core.events` describes their data.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, bindparam, delete, select

from storage.driver import driver_of
from storage.json_text import dump
from storage.models import events
from storage.writer import CALLER, EVENTS
from tuned.core.events import Event

PRUNE_ROWS = 20_000
"""At most this many are forgotten in one transaction, so that nothing else waits long."""

_INSERT = "INSERT INTO events (at, type, study, number, data, caller) VALUES (?, ?, ?, ?, ?, ?)"
_FIRST_KEPT = select(events.c.seq).where(events.c.at >= bindparam("before")).order_by(events.c.seq).limit(1)
_LAST = select(events.c.seq).order_by(events.c.seq.desc()).limit(1)
_FIRST = select(events.c.seq).order_by(events.c.seq).limit(1)
_DELETE = delete(events).where(events.c.seq < bindparam("end"))


def add_event(conn: Connection, type_: str, study: str, number: int | None, data: dict[str, Any], now: float) -> int:
    """Store an event and hand it to the writer, which tells it when it is durable.

    `data` is ready for JSON: metrics that are not finite are words.

    Returns:
        Its sequence number.
    """
    caller = conn.info.get(CALLER, "")
    # By the driver: each row of a request that adds thousands has one.
    seq = driver_of(conn).execute(_INSERT, (now, type_, study, number, dump(data), caller)).lastrowid
    assert seq is not None
    conn.info.setdefault(EVENTS, []).append(Event(seq, now, type_, study, number, data, caller))
    return seq


def prune_events(conn: Connection, before: float) -> int:
    """Forget the oldest events, those of before a moment (unix seconds).

    Returns:
        How many are gone, at most `PRUNE_ROWS`: call again until it is 0.
    """
    first = conn.execute(_FIRST).scalar()
    if first is None:
        return 0
    kept = conn.execute(_FIRST_KEPT, {"before": before}).scalar()
    if kept is None:
        kept = conn.execute(_LAST).scalar_one() + 1
    return conn.execute(_DELETE, {"end": min(kept, first + PRUNE_ROWS)}).rowcount
