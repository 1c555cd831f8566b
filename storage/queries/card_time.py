"""Reads of where the cards' time went: attempts on them, and why they stood idle. Owns no change."""

from __future__ import annotations

from bisect import bisect_left

from sqlalchemy import Connection

from storage.queries.events import seq_before
from tuned.core.cards.time import Mark, Stay, Use

_MARKS = "SELECT card, at, used FROM card_uses ORDER BY at, id"
_TOLD = "SELECT study, number, at FROM events WHERE seq > ? AND type = 'trial.intent' ORDER BY seq"
_STAYS = """SELECT s.name, t.number, a.device, a.claimed_at, a.started_at, a.ended_at, t.stop_at
    FROM attempts a JOIN trials t ON t.id = a.trial_id JOIN studies s ON s.id = t.study_id
    WHERE a.device NOT LIKE 'cpu:%' AND (a.ended_at IS NULL OR a.ended_at > ?)"""


def card_marks(conn: Connection) -> dict[str, list[Mark]]:
    """Card (its UUID) -> why it stood idle, oldest first."""
    found: dict[str, list[Mark]] = {}
    for card, at, use in conn.exec_driver_sql(_MARKS):
        found.setdefault(card, []).append(Mark(at, Use(use)))
    return found


def card_stays(conn: Connection, since: float) -> dict[str, list[Stay]]:
    """Card -> its attempts that ended after a moment (unix seconds), or live; those of deleted studies are gone."""
    told: dict[tuple[str, int], list[float]] = {}
    for study, number, at in conn.exec_driver_sql(_TOLD, (seq_before(conn, since),)):
        told.setdefault((study, number), []).append(at)
    found: dict[str, list[Stay]] = {}
    for study, number, device, claimed, started, ended, stop_at in conn.exec_driver_sql(_STAYS, (since,)):
        stop = stop_at if ended is None else _first(told.get((study, number), []), claimed, ended)
        for card in device.split(","):
            found.setdefault(card, []).append(Stay(claimed, started, stop, ended))
    return found


def _first(moments: list[float], begin: float, end: float) -> float | None:
    place = bisect_left(moments, begin)
    return moments[place] if place < len(moments) and moments[place] <= end else None
