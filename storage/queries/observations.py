"""Reads of what trials reported. Owns no change."""

from __future__ import annotations

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
