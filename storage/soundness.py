"""Which rows hold what tuned never wrote, or lack others: pages whose bytes were changed, and that SQLite still reads.

Owns these checks of a whole file. While the daemon runs, such a row is noticed when it is read (`storage.rows`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from storage.json_text import load, load_values
from storage.models import IS_LIVE, metadata
from storage.rows import load_playbook, load_space, load_spec

_JSON = (
    "spec",
    "submitted",
    "environment",
    "params",
    "values_json",
    "retries_used",
    "steps",
    "space",
    "changes",
    "start",
    "exit",
    "data",
)
_READERS: dict[tuple[str, str], Callable[[str], Any]] = {
    ("meta", "value"): load,
    ("study_specs", "spec"): load_spec,
    ("study_specs", "submitted"): load_spec,
    ("space_versions", "space"): load_space,
    ("pipelines", "steps"): load_playbook,
    ("trials", "values_json"): load_values,
}


STUDIES = ("study_specs", "space_versions", "pipelines", "trials")
"""The tables without which no study is known."""


class _Undecodable:
    """Stands for text that is none."""


UNDECODABLE = _Undecodable()


def as_text(data: bytes) -> str | _Undecodable:
    """For `text_factory`: the text, or `UNDECODABLE`."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return UNDECODABLE


def sound(table: str, columns: Sequence[str]) -> Callable[[Sequence[Any]], bool]:
    """A check of rows of these columns, read with `as_text`: whether each value is one that tuned may have written."""
    readers = [(i, reader) for i, name in enumerate(columns) if (reader := _reader(table, name)) is not None]

    def check(row: Sequence[Any]) -> bool:
        try:
            for i, reader in readers:
                if isinstance(row[i], str):  # else NULL, or a column of whole numbers under the same name
                    reader(row[i])
        except (ValueError, TypeError):
            return False
        return not any(value is UNDECODABLE for value in row)

    return check


def unsound(conn: sqlite3.Connection, tables: Collection[str] = ()) -> list[str]:
    """The tables of a file with pages that are all readable, in which rows are not sound.

    Args:
        conn: The file; not used for anything else afterwards, as it reads text in a way of its own then.
        tables: Look at these alone; empty: at all.

    Raises:
        sqlite3.Error: A page cannot be read after all.
    """
    found = []
    conn.text_factory = as_text
    for table in metadata.sorted_tables:
        if tables and table.name not in tables:
            continue
        names = [column.name for column in table.columns]
        listed = ", ".join(f'"{name}"' for name in names)
        rows: Iterable[Sequence[Any]] = conn.execute(f"SELECT {listed} FROM {table.name}")
        if not all(map(sound(table.name, names), rows)):
            found.append(table.name)
    return found


_APART = {
    "study_specs": "SELECT 1 FROM studies WHERE id NOT IN (SELECT study_id FROM study_specs) LIMIT 1",
    "attempts": f"""SELECT 1 FROM trials AS t WHERE {IS_LIVE} AND NOT EXISTS
        (SELECT 1 FROM attempts AS a WHERE a.trial_id = t.id AND a.attempt = t.attempt) LIMIT 1""",
}
"""Table -> whether it lacks a row that must be there."""


def apart(conn: sqlite3.Connection) -> str:
    """Which rows, of those without which a trial is not known, lack others; empty when none does."""
    loose = [name for name in (*STUDIES, "attempts") if conn.execute(f"PRAGMA foreign_key_check({name})").fetchone()]
    lacking = [name for name, query in _APART.items() if conn.execute(query).fetchone()]
    found = ([f"rows of {', '.join(loose)} belong to none"] if loose else []) + (
        [f"rows of {', '.join(lacking)} are missing"] if lacking else []
    )
    return "; ".join(found)


def garbled(tables: Sequence[str]) -> str:
    """The findings of `unsound`, for people."""
    return f"rows of {', '.join(tables)} hold what tuned never wrote"


def _reader(table: str, column: str) -> Callable[[str], Any] | None:
    return _READERS.get((table, column), load if column in _JSON else None)
