"""Reads of what callers have used: trials made for them, and hours of the cards that these held. Owns no change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from storage.facts import fact
from storage.json_text import load
from storage.models import one_of
from tuned.core.places import place_of
from tuned.core.states import STUDY_OPEN, UNCOUNTED

TOLD = "callers/told"
"""Caller -> its caps as a server was started with them."""
SPENT = "callers/spent"
"""Caller -> [trials, seconds] of studies that are deleted."""

_OWNERS = "SELECT name, caller FROM studies WHERE caller <> ''"
_MADE = "SELECT count(*) FROM trials WHERE caller = ? AND caller <> ''"
_OPEN = one_of("s.state", STUDY_OPEN)
_TO_COME = f"""SELECT sum(max(0, coalesce(json_extract(p.spec, '$.search.trials'), 0) - (
        SELECT coalesce(sum(c.n - c.aside - c.again), 0) FROM study_counts c
        WHERE c.study_id = s.id AND NOT {one_of("c.state", UNCOUNTED)})))
    FROM studies s JOIN study_specs p ON p.study_id = s.id
    WHERE s.caller = ? AND {_OPEN}"""
_HELD = """SELECT a.device, sum(max(0, coalesce(a.ended_at, :now) - CASE WHEN a.device LIKE 'place:%'
        THEN coalesce(a.started_at, a.ended_at, :now) ELSE a.claimed_at END)), json_extract(p.spec, '$.run.gpus')
    FROM trials t JOIN attempts a ON a.trial_id = t.id JOIN study_specs p ON p.study_id = t.study_id
    WHERE t.caller = :caller AND t.caller <> '' {more} GROUP BY t.study_id, a.device"""
"""A job that waits in a place's queue holds no card yet."""
_URGENT = f"""SELECT s.name FROM studies s JOIN study_specs p ON p.study_id = s.id
    WHERE s.caller = ? AND {_OPEN} AND json_extract(p.spec, '$.urgent') LIMIT 1"""
_ENDLESS = f"""SELECT s.name FROM studies s JOIN study_specs p ON p.study_id = s.id
    WHERE s.caller = ? AND {_OPEN} AND json_extract(p.spec, '$.search.trials') IS NULL"""
_NAMES = "SELECT DISTINCT caller FROM trials WHERE caller <> ''"


@dataclass(frozen=True, slots=True)
class Spent:
    """The use of one caller.

    Attributes:
        trials: Trials that were made for it, and those that its open studies will still make.
        seconds: Of cards, or of CPU slots where there is no card, that its trials held; half a card counts half, and in
            a place each card that its study asks for.
    """

    trials: int
    seconds: float

    @property
    def hours(self) -> float:
        """`seconds` in hours."""
        return self.seconds / 3600


def study_owners(conn: Connection) -> dict[str, str]:
    """Study -> the caller that submitted it; those of people are left out."""
    return {row[0]: row[1] for row in conn.exec_driver_sql(_OWNERS)}


def urgent_study(conn: Connection, caller: str) -> str:
    """A study of the caller's that makes others' running trials leave; empty where there is none."""
    return str(conn.exec_driver_sql(_URGENT, (caller,)).scalar() or "")


def endless_studies(conn: Connection, caller: str) -> set[str]:
    """The open studies of a caller that make trials until somebody ends them, or their budget does."""
    return {str(name) for (name,) in conn.exec_driver_sql(_ENDLESS, (caller,))}


def callers(conn: Connection) -> list[str]:
    """Everybody for whom trials were made."""
    made = {name for (name,) in conn.exec_driver_sql(_NAMES)}
    return sorted(made | set(study_owners(conn).values()) | set(fact(conn, SPENT) or {}) | set(fact(conn, TOLD) or {}))


def spent(conn: Connection, caller: str, now: float) -> Spent:
    """The use of one caller so far, its deleted studies included."""
    _, gone_s = _gone(conn, caller)
    to_come = int(conn.exec_driver_sql(_TO_COME, (caller,)).scalar() or 0)
    return Spent(trials_made(conn, caller) + to_come, gone_s + _held(conn, caller, now))


def trials_made(conn: Connection, caller: str) -> int:
    """Trials that were made for a caller, those of its deleted studies included."""
    return _gone(conn, caller)[0] + int(conn.exec_driver_sql(_MADE, (caller,)).scalar() or 0)


def _gone(conn: Connection, caller: str) -> tuple[int, float]:
    """Trials and seconds of its deleted studies."""
    trials, seconds = (fact(conn, SPENT) or {}).get(caller, (0, 0.0))
    return trials, seconds


def spent_in(conn: Connection, study_id: int, now: float) -> dict[str, Spent]:
    """Caller -> what the trials of one study have used."""
    sql = "SELECT caller, count(*) FROM trials WHERE study_id = ? AND caller <> '' GROUP BY caller"
    return {
        caller: Spent(count, _held(conn, caller, now, study_id))
        for caller, count in conn.exec_driver_sql(sql, (study_id,))
    }


def _held(conn: Connection, caller: str, now: float, study_id: int | None = None) -> float:
    values: dict[str, Any] = {"now": now, "caller": caller}
    more = "" if study_id is None else "AND t.study_id = :study"
    values |= {} if study_id is None else {"study": study_id}
    whole = 0.0
    for device, seconds, gpus in conn.exec_driver_sql(_HELD.format(more=more), values):
        whole += seconds * _cards(device, load(str(gpus)) if gpus else 1.0)
    return whole


def _cards(device: str, gpus: float) -> float:
    """The cards of one attempt: a slot of a place stands for all that its engine gives."""
    return max(1.0, gpus) if place_of(device) else min(1.0, gpus) * len(device.split(","))
