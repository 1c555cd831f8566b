"""Reads of what trials reported. Owns no change."""

from __future__ import annotations

import math
from typing import Any

from sqlalchemy import Connection

from tuned.core.trials.trial import Observation

_NAN = float("nan")
_COLUMNS = "SELECT name, step, value, time, attempt FROM observations WHERE trial_id = ?"
_BY_STEP = " ORDER BY name, attempt, step"
_LATEST = " ORDER BY name DESC, attempt DESC, step DESC LIMIT ?"
_HIGHEST = "SELECT name, max(step) FROM observations WHERE trial_id = ? AND attempt = ? GROUP BY name"


def observations(
    conn: Connection, trial_id: int, name: str | None = None, limit: int | None = None
) -> list[Observation]:
    """The observations of a trial, by name, attempt and step; of each metric those of replaced steps too.

    With `name` only those of this metric; with `limit` at most so many of each metric, the latest.
    """
    if limit is None:
        where, values = (" AND name = ?", (trial_id, name)) if name is not None else ("", (trial_id,))
        return [_observation(row) for row in conn.exec_driver_sql(_COLUMNS + where + _BY_STEP, values)]
    names = [name] if name is not None else metric_names(conn, trial_id)
    found: list[Observation] = []
    for each in names:
        latest = conn.exec_driver_sql(_COLUMNS + " AND name = ?" + _LATEST, (trial_id, each, limit)).all()
        found += [_observation(row) for row in reversed(latest)]
    return found


def next_auto_steps(conn: Connection, trial_id: int, attempt: int) -> dict[str, int]:
    """Metric name -> the step that the attempt's next line without one gets; unreported names are left out."""
    return {name: max(0, int(step) + 1) for name, step in conn.exec_driver_sql(_HIGHEST, (trial_id, attempt))}


def metric_names(conn: Connection, trial_id: int) -> list[str]:
    """The metrics of a trial, each found by one step in the clustered key instead of a walk over all observations."""
    sql = "SELECT name FROM observations WHERE trial_id = ? AND name > ? ORDER BY name LIMIT 1"
    names: list[str] = []
    after = ""
    while True:
        row = conn.exec_driver_sql(sql, (trial_id, after)).first()
        if row is None:
            return names
        after = row[0]
        names.append(after)


def _observation(row: Any) -> Observation:
    name, step, value, time, attempt = row
    return Observation(name, step, _NAN if value is None else value, time, attempt)


LAST_VALUE = """SELECT o.value FROM observations AS o WHERE o.trial_id = {trial} AND o.name = {name}
    ORDER BY o.attempt DESC, o.step DESC LIMIT 1"""
"""The last value of a metric in the trial's latest attempt that reported it: one seek."""

_LAST = """WITH RECURSIVE names(name) AS (
        SELECT min(name) FROM observations WHERE trial_id = :trial
        UNION ALL
        SELECT (SELECT min(name) FROM observations WHERE trial_id = :trial AND name > names.name)
        FROM names WHERE name IS NOT NULL LIMIT :most)
    SELECT name, ({last})
    FROM names WHERE name IS NOT NULL""".format(last=LAST_VALUE.format(trial=":trial", name="names.name"))
_NAMES = """WITH RECURSIVE names(name) AS (
        SELECT min(name) FROM observations WHERE trial_id = :trial
        UNION ALL
        SELECT (SELECT min(name) FROM observations WHERE trial_id = :trial AND name > names.name)
        FROM names WHERE name IS NOT NULL)
    SELECT count(name) FROM names"""
MOST_NAMES = 200
"""Metrics of a trial that lists look up; those of watched gradients can be more."""


def last_values(conn: Connection, trial_id: int, most: int = -1) -> dict[str, float]:
    """Metric name -> its last value in the trial's latest attempt that reported it, by name.

    Seeks from name to name, so that long curves cost nothing.

    Args:
        conn: The database.
        trial_id: The trial.
        most: At most this many of its names, the first ones; negative: all.
    """
    rows = conn.exec_driver_sql(_LAST, {"trial": trial_id, "most": most})
    return {name: math.nan if value is None else value for name, value in rows}


def last_values_of_lists(conn: Connection, trial_id: int) -> tuple[dict[str, float], int]:
    """The last values as lists show them, at most `MOST_NAMES`, and how many more metrics the trial has reported."""
    found = last_values(conn, trial_id, MOST_NAMES)
    if len(found) < MOST_NAMES:
        return found, 0
    return found, conn.exec_driver_sql(_NAMES, {"trial": trial_id}).scalar_one() - len(found)


def study_metrics(conn: Connection, study_id: int) -> list[str]:
    """Names of all metrics that the study's trials reported, by name."""
    ids = conn.exec_driver_sql("SELECT id FROM trials WHERE study_id = ? ORDER BY id", (study_id,)).scalars().all()
    return sorted({name for trial_id in ids for name in last_values(conn, trial_id)})


def reports(conn: Connection, study_id: int, name: str) -> bool:
    """Whether any of the study's trials reported a metric."""
    one = "SELECT 1 FROM observations AS o WHERE o.trial_id = t.id AND o.name = ?"
    sql = f"SELECT 1 FROM trials AS t WHERE t.study_id = ? AND EXISTS ({one}) LIMIT 1"
    return conn.exec_driver_sql(sql, (study_id, name)).first() is not None
