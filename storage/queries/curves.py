"""Reads of whole curves, thinned while they are read, and of what attempts used. Owns no change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from storage.json_text import load

_PIECES = """SELECT name, attempt, min(step), count(*) FROM observations WHERE trial_id = ?
    GROUP BY name, attempt ORDER BY name, attempt"""
_ALL = """SELECT step, value, time FROM observations
    WHERE trial_id = ? AND name = ? AND attempt = ? AND step < ? ORDER BY step"""
_COUNT = "SELECT count(*) FROM observations WHERE trial_id = ? AND name = ? AND attempt = ? AND step < ?"
_THIN = """WITH bucketed AS (
        SELECT step, value, time, (row_number() OVER (ORDER BY step) - 1) * ? / ? AS bucket
        FROM observations WHERE trial_id = ? AND name = ? AND attempt = ? AND step < ?)
    SELECT step, value, time FROM (SELECT step, value, time, min(value) FROM bucketed GROUP BY bucket)
    UNION SELECT step, value, time FROM (SELECT step, value, time, max(value) FROM bucketed GROUP BY bucket)
    UNION SELECT step, value, time FROM (
        SELECT step, value, time, min(step) FROM bucketed WHERE value IS NULL GROUP BY bucket)
    UNION SELECT step, value, time FROM (SELECT step, value, time, min(step) FROM bucketed)
    UNION SELECT step, value, time FROM (SELECT step, value, time, max(step) FROM bucketed)
    ORDER BY step"""
_USED = """SELECT a.trial_id, a.exit, a.run_dir FROM attempts AS a JOIN trials AS t ON t.id = a.trial_id
    WHERE t.study_id = ? ORDER BY a.trial_id, a.attempt"""

_INFINITY = float("inf")


@dataclass(frozen=True, slots=True)
class ThinCurve:
    """One metric of one trial, by step. A value that is None is NaN; `reports` is how many there are unthinned."""

    steps: list[float]
    values: list[float | None]
    times: list[float | None]
    reports: int


def curves(conn: Connection, trial_id: int, most: int) -> dict[str, ThinCurve]:
    """Metric name -> the trial's curve, a later attempt's steps replacing those of earlier ones from its first on.

    A curve of more than `most` points (about; never fewer than its ends) is cut into stretches of equally many
    reports, of which each keeps its least, its greatest and its first non-number. SQLite does it, so a long curve
    costs no Python.
    """
    pieces: dict[str, list[tuple[int, float, int]]] = {}
    for name, attempt, first, count in conn.exec_driver_sql(_PIECES, (trial_id,)):
        pieces.setdefault(name, []).append((attempt, first, count))
    return {name: _curve(conn, trial_id, name, found, most) for name, found in pieces.items()}


def _curve(conn: Connection, trial_id: int, name: str, pieces: list[tuple[int, float, int]], most: int) -> ThinCurve:
    ends = [min([first for _, first, _ in pieces[i + 1 :]], default=_INFINITY) for i in range(len(pieces))]
    counts = [count for _, _, count in pieces]
    if len(pieces) > 1:
        counts = [
            conn.exec_driver_sql(_COUNT, (trial_id, name, piece[0], end)).scalar_one()
            for piece, end in zip(pieces, ends, strict=True)
        ]
    total = sum(counts)
    rows: list[Any] = []
    for (attempt, _, _), end, count in zip(pieces, ends, counts, strict=True):
        key = (trial_id, name, attempt, end)
        if total <= most:
            rows += conn.exec_driver_sql(_ALL, key)
        elif count:
            buckets = max(1, most * count // (2 * total))
            rows += conn.exec_driver_sql(_THIN, (buckets, count, *key))
    return ThinCurve([r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows], total)


@dataclass(frozen=True, slots=True)
class Usage:
    """Of a trial: run directory of its latest attempt, relative to the database's folder; largest resident set of any
    attempt, in bytes.
    """

    run_dir: str
    peak_rss: float | None


def usage(conn: Connection, study_id: int) -> dict[int, Usage]:
    """Trial id -> what its attempts used."""
    found: dict[int, Usage] = {}
    for trial_id, record, run_dir in conn.exec_driver_sql(_USED, (study_id,)):
        kilobytes = load(record).get("max_rss_kb") if record else None
        before = found[trial_id].peak_rss if trial_id in found else None
        peaks = [peak for peak in (before, kilobytes * 1024.0 if kilobytes else None) if peak is not None]
        found[trial_id] = Usage(run_dir, max(peaks, default=None))
    return found
