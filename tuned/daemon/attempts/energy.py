"""The energy of an attempt where no sample was taken: while no daemon ran, and between its last sample and its end.

Owns that account: by the power of the last sample, up to the attempt's own end. Samples are `sampling`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from storage import queries
from storage.repository import IngestBatch, ingest
from tuned import protocol
from tuned.core.trials.card_figures import WATT_HOURS


def so_far(conn: Connection, row: queries.LiveAttempt, run_dir: Path, now: float, *, lives: bool) -> float:
    """Joules of an attempt that an earlier daemon has left: up to now, or to its end if that is known.

    Args:
        conn: A connection that reads.
        row: The attempt.
        run_dir: Its directory.
        now: Unix seconds.
        lives: Whether its supervisor does.
    """
    try:
        ended = _ended_at(protocol.read_record(str(run_dir), protocol.EXIT_FILE))
    except (OSError, protocol.RecordError):
        ended = None
    until = ended if ended is not None else now if lives else 0.0
    return queries.joules_so_far(conn, row.trial.id, row.attempt, min(now, until))


def unsampled_since(conn: Connection, row: queries.LiveAttempt) -> float | None:
    """When an attempt began (unix seconds) that its earlier daemon took no sample of; None where it took one."""
    told = queries.energy_told_at(conn, row.trial.id, row.attempt)
    return row.claimed_at if told is None else None


def commit_rest(
    conn: Connection, trial_id: int, number: int, offset: int, record: Mapping[str, Any] | None, now: float
) -> None:
    """Store what an attempt took between its last sample and its end; nothing where either is not known.

    Args:
        conn: The write connection.
        trial_id: Its trial.
        number: The attempt's.
        offset: Bytes of its metrics file whose observations are committed.
        record: Its exit record.
        now: Unix seconds.
    """
    ended, told = _ended_at(record), queries.energy_told_at(conn, trial_id, number)
    if ended is None or told is None or min(now, ended) <= told:
        return
    end = min(now, ended)
    attempt = queries.attempt(conn, trial_id, number)
    assert attempt is not None
    hours = queries.joules_so_far(conn, trial_id, number, end) / 3600
    sample = (WATT_HOURS, float(int(max(0.0, end - attempt["claimed_at"]))), hours, end)
    ingest(conn, IngestBatch(trial_id, number, offset, offset, [sample]), now)


def _ended_at(record: Mapping[str, Any] | None) -> float | None:
    told = (record or {}).get("ended_at")
    return float(told) if isinstance(told, int | float) else None
