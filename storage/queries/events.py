"""Reads of the event table. Owns no change."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from storage.json_text import load
from tuned.core.events import Event

_SELECT = "SELECT seq, at, type, study, number, data, caller FROM events WHERE seq > ?"
_FIRST = "SELECT min(seq) FROM events"
_LAST_MOVE = """SELECT seq, at, type, study, number, data, caller FROM events WHERE study = ? AND type = 'study.moved'
    ORDER BY seq DESC LIMIT 1"""
_DELETED = "SELECT data FROM events WHERE study = ? AND type = 'study.deleted'"
_AT = "SELECT seq, at FROM events WHERE seq >= ? ORDER BY seq LIMIT 1"
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


def study_events(conn: Connection, seq: int) -> list[Event]:
    """The first 10,000 events of whole studies after a sequence number, oldest first."""
    found = conn.exec_driver_sql(f"{_SELECT} AND type GLOB 'study.*' ORDER BY seq LIMIT 10000", (seq,))
    return [_event(row) for row in found]


def last_study_move(conn: Connection, name: str) -> Event | None:
    """The event of a study's latest change of state, if it is kept."""
    row = conn.exec_driver_sql(_LAST_MOVE, (name,)).first()
    return None if row is None else _event(row)


def deleted_studies(conn: Connection, name: str) -> set[float]:
    """When the studies of this name began (unix seconds) that were deleted, as far back as events are kept."""
    found = (load(data).get("created_at") for (data,) in conn.exec_driver_sql(_DELETED, (name,)))
    return {at for at in found if at is not None}


def seq_before(conn: Connection, at: float) -> int:
    """The sequence number behind which the events of a moment (unix seconds) and later begin.

    Found by halving, because events have no index on their time: they come in its order but for a clock that was set.
    """
    low, high = first_event_seq(conn), last_event_seq(conn)
    while low <= high:
        middle = (low + high) // 2
        row = conn.exec_driver_sql(_AT, (middle,)).first()
        if row is None or row[1] >= at:
            high = middle - 1
        else:
            low = row[0] + 1
    return low - 1


def _event(row: Any) -> Event:
    seq, at, type_, name, number, data, caller = row
    return Event(seq, at, type_, name, number, load(data), caller)


def first_event_seq(conn: Connection) -> int:
    """The oldest event that is kept; the next one there will be when none is."""
    found = conn.exec_driver_sql(_FIRST).scalar()
    return last_event_seq(conn) + 1 if found is None else int(found)


def last_event_seq(conn: Connection) -> int:
    """The latest event there ever was, kept or not; 0 before the first."""
    return int(conn.exec_driver_sql(_LAST).scalar() or 0)
