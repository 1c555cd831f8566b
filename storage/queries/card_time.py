"""Reads of where the cards' time went: attempts on them, and why they stood idle. Owns no change."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from math import inf

from sqlalchemy import Connection

from storage.queries.attempts import LiveAttempt
from storage.queries.events import seq_before
from tuned.core.cards.time import Mark, Stay, Use
from tuned.core.trials.trial import Trial

Still = tuple[tuple[float, float], ...]

_MARKS = "SELECT card, at, used FROM card_uses ORDER BY at, id"
_TOLD = """SELECT study, number, at, json_extract(data, '$.frozen') FROM events
    WHERE seq > ? AND type IN ('trial.intent', 'trial.frozen') ORDER BY seq"""
_LAST_SIGN = """SELECT max(at) FROM (SELECT at FROM (SELECT at FROM events ORDER BY seq DESC LIMIT 1)
    UNION ALL SELECT at FROM (SELECT at FROM card_uses ORDER BY id DESC LIMIT 1))"""
_STAYS = """SELECT s.name, t.number, a.device, a.claimed_at, a.started_at, a.ended_at, t.stop_at, t.frozen
    FROM attempts a JOIN trials t ON t.id = a.trial_id JOIN studies s ON s.id = t.study_id
    WHERE a.device NOT LIKE 'cpu:%' AND a.device NOT LIKE 'place:%' AND (a.ended_at IS NULL OR a.ended_at > ?)"""


def card_marks(conn: Connection) -> dict[str, list[Mark]]:
    """Card (its UUID) -> why it stood idle, oldest first."""
    found: dict[str, list[Mark]] = {}
    for card, at, use in conn.exec_driver_sql(_MARKS):
        found.setdefault(card, []).append(Mark(at, Use(use)))
    return found


def last_sign(conn: Connection) -> float | None:
    """When a daemon last wrote an event, or why a card stood idle (unix seconds); None where none ever did."""
    found = conn.exec_driver_sql(_LAST_SIGN).scalar()
    return None if found is None else float(found)


def card_stays(conn: Connection, since: float) -> dict[str, list[Stay]]:
    """Card -> its attempts that ended after a moment (unix seconds), or live; those of deleted studies are gone."""
    told, froze = _changes(conn, since)
    found: dict[str, list[Stay]] = {}
    for study, number, device, claimed, started, ended, stop_at, frozen in conn.exec_driver_sql(_STAYS, (since,)):
        stop = stop_at if ended is None else _first(told.get((study, number), []), claimed, ended)
        changes = [one for one in froze.get((study, number), []) if claimed <= one[0] <= (ended or inf)]
        stay = Stay(claimed, started, stop, ended, _still(changes, claimed, ended is None and bool(frozen)))
        for card in device.split(","):
            found.setdefault(card, []).append(stay)
    return found


def still_times(conn: Connection, live: Sequence[LiveAttempt]) -> list[Still]:
    """Begin and end of each time in which each of these attempts has stood still; of one that does now, no end."""
    _, froze = _changes(conn, min((row.claimed_at for row in live), default=inf))
    return [_still_of(froze, row.trial, row.claimed_at) for row in live]


def still_time(conn: Connection, trial: Trial, claimed_at: float) -> Still:
    """Begin and end of each time in which a live trial stood still, since its attempt was claimed."""
    return _still_of(_changes(conn, claimed_at)[1], trial, claimed_at)


def _still_of(froze: Mapping[tuple[str, int], list[tuple[float, bool]]], trial: Trial, claimed_at: float) -> Still:
    changes = [one for one in froze.get((trial.study, trial.number), []) if one[0] >= claimed_at]
    return _still(changes, claimed_at, trial.frozen)


def _changes(
    conn: Connection, since: float
) -> tuple[dict[tuple[str, int], list[float]], dict[tuple[str, int], list[tuple[float, bool]]]]:
    """Trial -> when it was told to end; trial -> when it was told to stand still, or to go on."""
    told: dict[tuple[str, int], list[float]] = {}
    froze: dict[tuple[str, int], list[tuple[float, bool]]] = {}
    for study, number, at, frozen in conn.exec_driver_sql(_TOLD, (seq_before(conn, since),)):
        if frozen is None:
            told.setdefault((study, number), []).append(at)
        else:
            froze.setdefault((study, number), []).append((at, bool(frozen)))
    return told, froze


def _still(changes: list[tuple[float, bool]], claimed: float, frozen: bool) -> Still:
    """Begin and end of each time in which an attempt stood still.

    Args:
        changes: Moment -> whether it stands still from then on, as far as they are in the window.
        claimed: When it was claimed.
        frozen: Whether it stands still now, where nothing changed in the window.
    """
    found, since = [], claimed if (not changes[0][1] if changes else frozen) else None
    for at, frozen in changes:
        if frozen:
            since = at if since is None else since
        elif since is not None:
            found.append((since, at))
            since = None
    return (*found, (since, inf)) if since is not None else tuple(found)


def _first(moments: list[float], begin: float, end: float) -> float | None:
    place = bisect_left(moments, begin)
    return moments[place] if place < len(moments) and moments[place] <= end else None
