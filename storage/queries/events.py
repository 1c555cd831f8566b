"""Reads of the event table. Owns no change."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection

from tuned.core.events import Event

_SELECT = "SELECT seq, at, type, study, number, data FROM events WHERE seq > ?"
_FIRST = "SELECT min(seq) FROM events"
_LAST = "SELECT seq FROM sqlite_sequence WHERE name = 'events'"


def events_since(conn: Connection, seq: int, *, study: str | None = None, limit: int = 1000) -> list[Event]:
    """The events after a sequence number, oldest first, at most `limit`; of one study when it is named."""
    where, values = (" AND study = ?", (seq, study, limit)) if study is not None else ("", (seq, limit))
    return [_event(row) for row in conn.exec_driver_sql(f"{_SELECT}{where} ORDER BY seq LIMIT ?", values)]


def latest_events(conn: Connection, count: int, *, study: str | None = None) -> list[Event]:
    """The last so many events, oldest first; of one study when it is named."""
    where, values = (" AND study = ?", (0, study, count)) if study is not None else ("", (0, count))
    found = conn.exec_driver_sql(f"{_SELECT}{where} ORDER BY seq DESC LIMIT ?", values)
    return [_event(row) for row in reversed(found.all())]


def _event(row: Any) -> Event:
    seq, at, type_, name, number, data = row
    return Event(seq, at, type_, name, number, json.loads(data))


def first_event_seq(conn: Connection) -> int:
    """The oldest event that is kept; the next one there will be when none is."""
    found = conn.exec_driver_sql(_FIRST).scalar()
    return last_event_seq(conn) + 1 if found is None else int(found)


def last_event_seq(conn: Connection) -> int:
    """The latest event there ever was, kept or not; 0 before the first."""
    return int(conn.exec_driver_sql(_LAST).scalar() or 0)
