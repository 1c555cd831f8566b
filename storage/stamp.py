"""The stamp of a database file: application id and schema number in its header."""

from __future__ import annotations

from sqlalchemy import Connection

from storage.models import SCHEMA_VERSION

APPLICATION_ID = 0x74756E65
"""The bytes `tune` in the file's header: tells our file from any other SQLite database."""


def stamp(conn: Connection) -> None:
    """Mark the file as ours and as of this schema."""
    conn.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
    conn.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")
