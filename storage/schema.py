"""Brings a database file to the schema of this code, or says why that cannot be.

Owns the order of checks, and the stamp of the revision. Alembic is imported only for an older schema: it
costs memory that the daemon would hold for ever.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from sqlalchemy import CheckConstraint, Connection

from storage.driver import driver_of
from storage.models import REVISION, SCHEMA_VERSION, TRIGGERS, metadata
from storage.problems import DAMAGED_HINT, Damaged, found_by_check
from storage.soundness import apart
from storage.stamp import APPLICATION_ID, stamp
from tuned.core.errors import Unavailable

CHECK_CLEAN_BYTES = 32 * 2**20
"""Up to this size a file that was closed cleanly is checked wholly at the start: damage comes from disks, too."""
CHECK_WHOLE_BYTES = 128 * 2**20
"""Up to this size a file that was not closed cleanly is checked wholly; beyond, the tables of studies and trials."""

_STAMP = """CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"""


def prepare(conn: Connection, path: Path, *, check_wholly: bool = False) -> None:
    """Create, check or upgrade the schema; the connection has no transaction open.

    Args:
        conn: The write connection.
        path: The file.
        check_wholly: Look at every page of it, whatever its size and however it was closed.

    Raises:
        Unavailable: The file is another program's, damaged, or from a newer version.
    """
    version, tables = _stamped(conn, path)
    conn.rollback()
    if version > SCHEMA_VERSION:
        raise Unavailable(
            f"it was written by a newer version (schema {version}, this version knows {SCHEMA_VERSION})",
            where=str(path),
            hint="install that version again, or set TUNED_HOME to another folder",
        )
    if not tables:
        with conn.begin():
            create(conn)
    elif version < SCHEMA_VERSION:
        from storage.migrations import upgrade

        upgrade(conn, path)
    else:
        _refuse_unreleased(conn, path)
        unclean = conn.exec_driver_sql("SELECT value FROM meta WHERE key = 'open'").first() is not None
        conn.rollback()
        check(conn, path, check_wholly or (CHECK_WHOLE_BYTES if unclean else CHECK_CLEAN_BYTES))
    conn.rollback()
    _mark(conn, "INSERT OR REPLACE INTO meta (key, value) VALUES ('open', '1')")


def closed_cleanly(conn: Connection) -> None:
    """Note that nothing was under way when the file was closed, and move everything into the one file."""
    _mark(conn, "DELETE FROM meta WHERE key = 'open'")
    driver = driver_of(conn)
    driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def create(conn: Connection) -> None:
    """Make the newest schema in an empty file, as the migrations would have."""
    metadata.create_all(conn, checkfirst=False)
    conn.exec_driver_sql(_STAMP)
    conn.exec_driver_sql("INSERT INTO alembic_version (version_num) VALUES (?)", (REVISION,))
    stamp(conn)


def check(conn: Connection, path: Path, wholly_up_to: int | Literal[True]) -> None:
    """Look for damage.

    Args:
        conn: The write connection.
        path: The file.
        wholly_up_to: Up to so many bytes every page is looked at; of a larger file the tables that matter most.

    Raises:
        Damaged: There is some.
        Unavailable: The disk cannot be read.
    """
    whole = wholly_up_to is True or path.stat().st_size <= wholly_up_to
    pragmas = ["quick_check"] if whole else [f"quick_check({t})" for t in ("studies", "trials", "attempts")]
    for pragma in pragmas:
        found = conn.exec_driver_sql(f"PRAGMA {pragma}").scalars().all()
        if found != ["ok"]:
            raise found_by_check(found, path)
    if found := apart(driver_of(conn)):
        raise Damaged(f"the database is damaged: {found}", where=str(path), hint=DAMAGED_HINT)


def _stamped(conn: Connection, path: Path) -> tuple[int, bool]:
    application = conn.exec_driver_sql("PRAGMA application_id").scalar_one()
    version = conn.exec_driver_sql("PRAGMA user_version").scalar_one()
    tables = conn.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one() > 0
    if tables and application != APPLICATION_ID:
        raise Unavailable(
            "it is another program's database",
            where=str(path),
            hint="move the file away, or set TUNED_HOME to another folder",
        )
    return int(version), tables


def _refuse_unreleased(conn: Connection, path: Path) -> None:
    """Until a schema is released, things are appended to it under one number: files from between lack some."""
    lacks = next(_lacking(conn), None)
    if lacks is not None:
        raise Unavailable(
            f"it was written by a version that was never released (it has no {lacks})",
            where=str(path),
            hint="tunectl daemon rebuild makes the database anew from the run directories, and keeps this one",
        )


def _lacking(conn: Connection) -> Iterator[str]:
    """Columns, conditions, indexes and triggers of this schema that the file has not, for people.

    Keys and references are parts of columns and never changed alone.
    """
    rows = conn.exec_driver_sql("SELECT name, sql FROM sqlite_master").all()
    there = {row.name: _one_line(row.sql or "") for row in rows}
    for table in metadata.sorted_tables:
        columns = {row.name for row in conn.exec_driver_sql(f"PRAGMA table_xinfo({table.name})")}
        yield from (f"{table.name}.{column.name}" for column in table.columns if column.name not in columns)
        rules = (*table.constraints, *(rule for column in table.columns for rule in column.constraints))
        conditions = [_one_line(str(rule.sqltext)) for rule in rules if isinstance(rule, CheckConstraint)]
        yield from (f"condition {one} of {table.name}" for one in conditions if one not in there[table.name])
        yield from (f"index {index.name}" for index in table.indexes if index.name not in there)
    for trigger in map(_one_line, TRIGGERS):
        name = trigger.split()[2]
        if there.get(name) != trigger:
            yield f"trigger {name} of this version"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _mark(conn: Connection, statement: str) -> None:
    with conn.begin():
        conn.exec_driver_sql(statement)
