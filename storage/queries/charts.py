"""Curves for charts: long ones thinned out, and the best value so far of a study. Owns no change."""

from __future__ import annotations

import math

from sqlalchemy import Connection

from storage.driver import driver_of
from storage.queries.observations import metric_names, observations
from tuned.core.study import Study
from tuned.core.trials.trial import Observation

_NAN, _INF = float("nan"), float("inf")

_ATTEMPTS = "SELECT DISTINCT attempt FROM observations WHERE trial_id = ? AND name = ? ORDER BY attempt"
_ENDS = "SELECT min(step), max(step), count(*) FROM observations WHERE trial_id = ? AND name = ? AND attempt = ?"
_OF = " FROM observations WHERE trial_id = ? AND name = ? AND attempt = ?"
_SPAN = " AND step >= ? AND step < ?"
_BEST = "SELECT number, value FROM trials WHERE study_id = ? AND tier = 0 ORDER BY ended_at, number"


def thinned(conn: Connection, trial_id: int, name: str | None, points: int) -> list[Observation]:
    """The observations of a trial; of a metric with more than `points`, the least and the greatest of each stretch.

    Of a thinned metric the steps that a later attempt replaced are left out. A stretch of nothing but NaN is one NaN.

    Args:
        conn: Any connection.
        trial_id: The trial.
        name: Only this metric; None: all.
        points: About so many of each metric, at least 4.
    """
    found: list[Observation] = []
    for each in [name] if name is not None else metric_names(conn, trial_id):
        found += _thinned(conn, trial_id, each, points)
    return found


def _thinned(conn: Connection, trial_id: int, name: str, points: int) -> list[Observation]:
    attempts = [row[0] for row in conn.exec_driver_sql(_ATTEMPTS, (trial_id, name))]
    ends = [conn.exec_driver_sql(_ENDS, (trial_id, name, attempt)).one() for attempt in attempts]
    if sum(count for _, _, count in ends) <= points:
        return observations(conn, trial_id, name)
    # An attempt's steps count up to the first one of any later attempt.
    limits, limit = [], _INF
    for first, _, _ in reversed(ends):
        limits.append(limit)
        limit = min(limit, first)
    limits.reverse()
    low = min(first for first, _, _ in ends)
    high = max(min(last, limit) for (_, last, _), limit in zip(ends, limits, strict=True))
    found: list[Observation] = []
    for attempt, limit in zip(attempts, limits, strict=True):
        found += _stretches(conn, (trial_id, name, attempt), low, limit, (high - low) / max(1, points // 2 - 1) or 1.0)
    return found


def _stretches(
    conn: Connection, key: tuple[int, str, int], low: float, limit: float, width: float
) -> list[Observation]:
    """The least and the greatest of each stretch of an attempt below a step, and the last one.

    Each stretch is a range of the clustered key: one walk, where grouping would sort a million rows.
    """
    driver = driver_of(conn)
    kept: dict[float, float | None] = {}
    following = driver.execute(f"SELECT min(step){_OF} AND step < ?", (*key, limit)).fetchone()[0]
    while following is not None:
        # The beginning of the stretch that this step lies in: stretches without a step are not visited.
        index = math.floor((following - low) / width)
        end = min(low + (index + 1) * width, limit)
        end = end if end > following else math.nextafter(following, math.inf)
        span = (*key, following, end)
        for which in ("min", "max"):
            # Beside one min or max SQLite takes the other columns from its row; beside two it need not.
            sql = f"SELECT step, {which}(value){_OF}{_SPAN}"
            step, value = driver.execute(sql, span).fetchone()
            kept[step] = value
        (following,) = driver.execute(f"SELECT min(step){_OF}{_SPAN}", (*key, end, limit)).fetchone()
    last = f"SELECT step, value{_OF} AND step < ? ORDER BY step DESC LIMIT 1"
    kept.update(list(driver.execute(last, (*key, limit))))
    values = {step: _NAN if value is None else value for step, value in kept.items()}
    return [Observation(key[1], step, values[step], None, key[2]) for step in sorted(values)]


def best_so_far(conn: Connection, study: Study) -> tuple[int, list[tuple[int, int, float]]]:
    """How many trials ran whole, and each improvement of the best: (whole trials until then, number, value)."""
    objective = study.spec.objective
    if objective is None:
        return 0, []
    best, count, steps = _INF, 0, list[tuple[int, int, float]]()
    for number, value in conn.exec_driver_sql(_BEST, (study.id,)):
        count += 1
        if objective.sign * value < best:
            best = objective.sign * value
            steps.append((count, number, value))
    return count, steps
