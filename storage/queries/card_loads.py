"""Reads of what attempts took of their cards, and how fast they went. Owns no change."""

from __future__ import annotations

from sqlalchemy import Connection

from storage.json_text import load
from tuned.core.cards.packing import Ran
from tuned.core.space import Point
from tuned.core.trials import card_figures
from tuned.core.trials.card_figures import BUSY, MEMORY, WATT_HOURS, WATTS

LATEST = 100
"""Attempts that are looked at."""
REPORTS = 3
"""The fewest reports that make a speed."""
SAMPLES = 8
"""Of a trial that runs: with these and so many reports of its objective it has shown what it takes."""
_NEVER = 9e18

_RAN = """SELECT t.id, a.attempt, t.params, a.shared, a.started_at, a.ended_at, a.ended_by = 'exit_ok',
    CASE WHEN a.ended_at IS NULL THEN t.still_s ELSE a.still_s END
    FROM attempts a JOIN trials t ON t.id = a.trial_id
    WHERE t.study_id = ? AND a.started_at IS NOT NULL AND a.failure IS NULL
        AND a.device NOT LIKE 'cpu:%' AND a.device NOT LIKE 'place:%'
    ORDER BY coalesce(a.ended_at, 9e18) DESC LIMIT ?"""
_SAMPLES = """SELECT step, value FROM observations
    WHERE trial_id = ? AND name = ? AND attempt = ? AND value IS NOT NULL ORDER BY step"""
_SUMS = """SELECT name, count(value), avg(value), max(value) FROM observations
    WHERE trial_id = ? AND name >= 'gpu/' AND name < 'gpu0' AND value IS NOT NULL GROUP BY name"""
_ENERGY = """SELECT sum(spent) FROM (SELECT max(value) AS spent FROM observations
    WHERE trial_id = ? AND name = ? GROUP BY attempt)"""
_LATEST = """SELECT value, time FROM observations
    WHERE trial_id = ? AND name = ? AND attempt = ? AND value IS NOT NULL ORDER BY time DESC LIMIT 2"""
_FIRST = "SELECT min(time) FROM observations WHERE trial_id = ? AND name = ? AND attempt = ? AND time >= ?"
_SPEED = """SELECT count(*), min(step), max(step), min(time), max(time) FROM observations
    WHERE trial_id = ? AND name = ? AND attempt = ? AND time BETWEEN ? AND ?"""


def ran_on_cards(conn: Connection, study_id: int, metric: str) -> list[Ran]:
    """The attempts of a study that ran on cards, the latest first; their speed is that of a metric's reports.

    One that still runs, or was cut off, is among them where it has reported the metric a few times: it has trained and
    validated then. One that stood still has no speed: its rows do not say which of its reports came before.
    """
    found = []
    rows = conn.exec_driver_sql(_RAN, (study_id, LATEST))
    for trial_id, attempt, params, shared, started, ended, whole, still in rows:
        held = _samples(conn, trial_id, MEMORY, attempt)
        pace = None if still else speed(conn, trial_id, attempt, metric, started, _NEVER if ended is None else ended)
        if not whole and (pace is None or sum(size > 0 for _, size in held) < SAMPLES):
            continue
        # Before it holds memory it does not compute there.
        begin = next((step for step, size in held if size), None)
        busy = [value for step, value in _samples(conn, trial_id, BUSY, attempt) if begin is None or step >= begin]
        point: Point = load(params)
        peak = max((size for _, size in held), default=None) or None
        seconds = max(0.0, ended - started - still) if whole and attempt == 1 else None
        found.append(Ran(point, peak, sum(busy) / len(busy) if busy else None, not shared, pace, seconds))
    return found


def figures_on_cards(conn: Connection, trial_id: int) -> dict[str, float]:
    """A trial's use of its cards over all its attempts; empty without samples."""
    sums = {name: (count, mean, most) for name, count, mean, most in conn.exec_driver_sql(_SUMS, (trial_id,))}
    energy = conn.exec_driver_sql(_ENERGY, (trial_id, WATT_HOURS)).scalar() if WATT_HOURS in sums else None
    return card_figures.figures(sums, energy)


def joules_so_far(conn: Connection, trial_id: int, attempt: int, now: float) -> float:
    """Energy of an attempt up to a moment (unix seconds): by its last sample, and the power then for the time since.

    While it stands still no power is told, and its energy goes on: then the power is that between the last two samples.
    """
    hours = conn.exec_driver_sql(_LATEST, (trial_id, WATT_HOURS, attempt)).all()
    if not hours:
        return 0.0
    (spent, told), watts = hours[0], conn.exec_driver_sql(_LATEST, (trial_id, WATTS, attempt)).first()
    power = 0.0 if watts is None else watts.value
    if watts is not None and len(hours) > 1 and max(watts.time, hours[1].time) < told:
        power = 3600 * (spent - hours[1].value) / (told - hours[1].time)
    return float(3600 * spent + power * max(0.0, now - told))


def energy_told_at(conn: Connection, trial_id: int, attempt: int) -> float | None:
    """When an attempt's energy was sampled last (unix seconds); None where it was not."""
    found = conn.exec_driver_sql(_LATEST, (trial_id, WATT_HOURS, attempt)).first()
    return None if found is None else float(found.time)


def speed(
    conn: Connection, trial_id: int, attempt: int, metric: str, since: float, until: float, least: int = REPORTS
) -> float | None:
    """Steps a second of an attempt between two moments (unix seconds); None where it has fewer reports than `least`."""
    row = conn.exec_driver_sql(_SPEED, (trial_id, metric, attempt, since, until)).one()
    count, first, last, begin, end = row
    if count < least or end <= begin or last <= first:
        return None
    return float((last - first) / (end - begin))


def reported_since(conn: Connection, trial_id: int, attempt: int, metric: str, since: float) -> float | None:
    """When an attempt reported a metric first after a moment; None where it has not."""
    row = conn.exec_driver_sql(_FIRST, (trial_id, metric, attempt, since)).scalar()
    return None if row is None else float(row)


def _samples(conn: Connection, trial_id: int, name: str, attempt: int) -> list[tuple[float, float]]:
    return [(step, value) for step, value in conn.exec_driver_sql(_SAMPLES, (trial_id, name, attempt))]
