"""Exit records that lie in `exits/` as their run directory took none: whose they are, and their way home.

Owns the round over all of them; a single one is `tuned.daemon.files.records`'.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection

from storage import queries
from storage.engine import Database
from tuned.daemon.files import records


def bring_home(database: Database, runs: Path) -> None:
    """Move each record into its run directory, where that can be written by now."""
    kept = [path.stem for path in records.kept_elsewhere(runs)]
    if not kept:
        return
    with database.read() as conn:
        known = queries.named(conn, kept)
    for attempt_id, attempt in known.items():
        records.bring_home(database.located(attempt.run_dir), attempt_id)


def of_study(conn: Connection, study_id: int, runs: Path) -> list[Path]:
    """The records of a study's attempts."""
    kept = {path.stem: path for path in records.kept_elsewhere(runs)}
    known = queries.named(conn, list(kept))
    return [kept[attempt_id] for attempt_id, attempt in known.items() if attempt.study_id == study_id]
