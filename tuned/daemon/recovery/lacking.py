"""Run directories compared with the database: the studies, trials and attempts that have a folder and no row.

Owns finding them. A sound database lacks none, because a row is committed before its folder is made; one that was
restored from an older copy lacks all that happened since.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from storage import queries
from tuned.core.study import Study
from tuned.daemon.files import run_dirs
from tuned.daemon.recovery import found


@dataclass(frozen=True, slots=True)
class Lacking:
    """A study of which something is not in the database.

    Attributes:
        folder: The study's.
        record: Its `study.json`; None where there is none that can be read.
        study: Its row; None where it has none, or where the row is of an earlier study of this name.
        earlier: The row of a study that had this name before, and was deleted.
        attempts: Numbers of trials -> numbers of their attempts without a row, in their order.
        highest: The highest number of a trial with a folder; 0 without any.
    """

    folder: Path
    record: dict[str, Any] | None
    study: Study | None
    earlier: Study | None = None
    attempts: dict[int, list[int]] = field(default_factory=dict)
    highest: int = 0


def lacking(conn: Connection, runs: Path) -> list[Lacking]:
    """All that has a folder below `runs` and no row.

    Costs one listing a study, and one for each trial that has not ended.
    """
    known = {study.name: study for study in queries.studies(conn)}
    compared = (_compared(conn, folder, known.get(folder.name)) for folder in found.studies(runs))
    return [item for item in compared if item is not None]


def _compared(conn: Connection, folder: Path, row: Study | None) -> Lacking | None:
    record = found.record(folder)
    study, earlier = row, None
    if row is not None and record is not None and record.get("created_at") != row.created_at:
        study, earlier = None, row
    numbers = set(run_dirs.numbered(folder))
    ended, others = (set(), {}) if study is None else queries.open_trials(conn, study.id)
    attempts = {}
    for number in sorted(numbers - ended):
        last = others.get(number, 0)
        beyond = [attempt for attempt in run_dirs.attempt_numbers(folder / str(number)) if attempt > last]
        if beyond:
            attempts[number] = beyond
    if study is not None and not attempts:
        return None
    return Lacking(folder, record, study, earlier, attempts, max(numbers, default=0))
