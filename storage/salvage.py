"""Reads what can still be read of a damaged database file into a sound one.

Owns that reading. SQLite gives up a query at the first damaged page, so each table is read from both ends, and between
them by its keys. Nothing is invented: a row that cannot be read whole is left out.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Table

from storage.models import metadata
from storage.soundness import as_text, sound

_KEPT_BY_TRIGGERS = ("study_counts", "trial_params")
_OF_THE_FILE = ("meta",)
PROBES = 200_000
"""At most this many keys of a table are tried one by one between two damaged places."""
_BATCH = 500

Row = tuple[Any, ...]


@dataclass
class Salvaged:
    """Result of a salvage.

    Attributes:
        rows: Table -> rows that were read.
        damaged: Tables in which something could not be read.
    """

    rows: dict[str, int] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)


def salvage(source: Path, target: Path, first_page: Path | None = None) -> Salvaged:
    """Copy every row that can be read and is not there yet.

    Args:
        source: A database file, damaged or not; its log beside it is read too. It may be changed: give a copy.
        target: A sound file of the present schema that nobody else has open.
        first_page: A copy of the same database: where the source's first page, which says where the tables are, cannot
            be read, its own is put there.

    Returns:
        The rows read.
    """
    if first_page is not None and not _opens(source):
        _put_first_page(source, first_page)
    result = Salvaged()
    reading = sqlite3.connect(source, isolation_level=None)
    writing = sqlite3.connect(target, isolation_level=None)
    reading.text_factory = as_text
    with contextlib.closing(reading), contextlib.closing(writing):
        writing.execute("PRAGMA foreign_keys = OFF")
        writing.execute("BEGIN IMMEDIATE")
        for table in metadata.sorted_tables:
            if table.name not in (*_KEPT_BY_TRIGGERS, *_OF_THE_FILE):
                _copy(reading, writing, table, result)
        _drop_orphans(writing)
        writing.execute("COMMIT")
    return result


def _opens(path: Path) -> bool:
    try:
        with contextlib.closing(sqlite3.connect(path)) as conn:
            return bool(conn.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    except sqlite3.Error:
        return False


def _put_first_page(path: Path, copy: Path) -> None:
    with copy.open("rb") as file:
        header = file.read(100)
        size = int.from_bytes(header[16:18], "big") or 4096
        page = header + file.read((65536 if size == 1 else size) - len(header))
    with path.open("r+b") as file:
        file.write(page)


def _copy(reading: sqlite3.Connection, writing: sqlite3.Connection, table: Table, result: Salvaged) -> None:
    try:
        there = {row[1] for row in reading.execute(f"PRAGMA table_info({table.name})")}
    except sqlite3.Error:
        there = set()
    columns = [column.name for column in table.columns if column.name in there]
    result.rows[table.name] = 0
    if not columns:
        result.damaged.append(table.name)
        return
    names = ", ".join(f'"{name}"' for name in columns)
    insert = f"INSERT OR IGNORE INTO {table.name} ({names}) VALUES ({', '.join('?' * len(columns))})"
    is_sound = sound(table.name, columns)
    batch: list[Row] = []
    for row in _Reader(reading, table, names, result):
        if is_sound(row):
            batch.append(row)
            result.rows[table.name] += 1
        elif table.name not in result.damaged:
            result.damaged.append(table.name)
        if len(batch) == _BATCH:
            _insert(writing, insert, batch)
            batch.clear()
    _insert(writing, insert, batch)


def _insert(writing: sqlite3.Connection, statement: str, rows: Sequence[Row]) -> None:
    writing.execute("SAVEPOINT batch")
    try:
        writing.executemany(statement, rows)
    except sqlite3.Error:
        writing.execute("ROLLBACK TO batch")
        for row in rows:
            with contextlib.suppress(sqlite3.Error):  # values that this column cannot hold: damage that still reads
                writing.execute(statement, row)
    writing.execute("RELEASE batch")


class _Reader:
    """The readable rows of a table."""

    def __init__(self, conn: sqlite3.Connection, table: Table, names: str, result: Salvaged) -> None:
        self._conn = conn
        self._table = table.name
        self._names = names
        self._result = result
        without_rowid = bool(table.dialect_options["sqlite"]["with_rowid"] is False)
        keys = [column.name for column in table.primary_key.columns]
        self._order = [f'"{key}"' for key in keys] if without_rowid else ["rowid"]

    def __iter__(self) -> Iterator[Row]:
        low = high = None
        for key, row in self._scan("ASC"):
            low = key
            yield row
        if self._table not in self._result.damaged:
            return
        for key, row in self._scan("DESC"):
            if low is not None and key < low:
                return
            high = key
            yield row
        yield from self._between(low, high)

    def _scan(self, direction: str) -> Iterator[tuple[Any, Row]]:
        """Rows with their leading key, up to the first that cannot be read."""
        order = ", ".join(f"{key} {direction}" for key in self._order)
        query = f"SELECT {self._order[0]}, {self._names} FROM {self._table} ORDER BY {order}"
        try:
            for row in self._conn.execute(query):
                yield row[0], row[1:]
        except sqlite3.Error:
            self._note()

    def _between(self, low: Any, high: Any) -> Iterator[Row]:
        """Rows by their leading keys, which are whole numbers in every table whose rows are worth it."""
        first = low if isinstance(low, int) else 1
        last = high if isinstance(high, int) else self._highest(first)
        query = f"SELECT {self._names} FROM {self._table} WHERE {self._order[0]} = ?"
        for key in range(first, min(last, first + PROBES) + 1):
            with contextlib.suppress(sqlite3.Error):
                yield from self._conn.execute(query, (key,))

    def _highest(self, first: int) -> int:
        with contextlib.suppress(sqlite3.Error):
            found = self._conn.execute("SELECT max(seq) FROM sqlite_sequence WHERE name <> 'events'").fetchone()[0]
            if found is not None:
                return int(found)
        return first + 10_000

    def _note(self) -> None:
        if self._table not in self._result.damaged:
            self._result.damaged.append(self._table)


_ORPHANS = (
    "DELETE FROM studies WHERE id NOT IN (SELECT study_id FROM study_specs)",
    "DELETE FROM study_specs WHERE study_id NOT IN (SELECT id FROM studies)",
    "DELETE FROM space_versions WHERE study_id NOT IN (SELECT id FROM studies)",
    "DELETE FROM pipelines WHERE study_id NOT IN (SELECT id FROM studies)",
    "DELETE FROM trials WHERE study_id NOT IN (SELECT id FROM studies)",
    # A live trial without its attempt: nobody could follow it. Its run directory gives both back.
    """DELETE FROM trials WHERE state IN ('starting', 'running') AND NOT EXISTS
        (SELECT 1 FROM attempts AS a WHERE a.trial_id = trials.id AND a.attempt = trials.attempt)""",
    """DELETE FROM trial_params WHERE NOT EXISTS (SELECT 1 FROM trials AS t
        WHERE t.study_id = trial_params.study_id AND t.number = trial_params.number)""",
    "DELETE FROM study_counts WHERE study_id NOT IN (SELECT id FROM studies)",
    "DELETE FROM attempts WHERE trial_id NOT IN (SELECT id FROM trials)",
    "DELETE FROM observations WHERE trial_id NOT IN (SELECT id FROM trials)",
    "DELETE FROM bad_lines WHERE trial_id NOT IN (SELECT id FROM trials)",
    "DELETE FROM rungs WHERE trial_id NOT IN (SELECT id FROM trials)",
    "DELETE FROM streaks WHERE trial_id NOT IN (SELECT id FROM trials)",
    "DELETE FROM rung_marks WHERE study_id NOT IN (SELECT id FROM studies)",
    """UPDATE studies SET best_trial_id = NULL WHERE best_trial_id NOT IN
        (SELECT id FROM trials WHERE study_id = studies.id)""",
    """UPDATE studies SET next_number = max(next_number, 1 + coalesce(
        (SELECT max(number) FROM trials WHERE study_id = studies.id), 0))""",
)


def _drop_orphans(conn: sqlite3.Connection) -> None:
    for statement in _ORPHANS:
        conn.execute(statement)


def forget_studies(target: Path, kept: frozenset[str]) -> None:
    """Remove every study but these, such as those that were deleted after the copy was made that they came from."""
    with contextlib.closing(sqlite3.connect(target, isolation_level=None)) as conn:
        conn.execute("PRAGMA foreign_keys = ON")
        for (name,) in conn.execute("SELECT name FROM studies").fetchall():
            if name not in kept:
                conn.execute("DELETE FROM studies WHERE name = ?", (name,))


def names_in(path: Path) -> frozenset[str]:
    """Names of the studies in a sound file."""
    with contextlib.closing(sqlite3.connect(path)) as conn:
        return frozenset(name for (name,) in conn.execute("SELECT name FROM studies"))
