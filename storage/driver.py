"""The sqlite3 connection below a SQLAlchemy one, for statements whose cost per row counts. Owns that step down."""

from __future__ import annotations

import sqlite3

from sqlalchemy import Connection


def driver_of(conn: Connection) -> sqlite3.Connection:
    """The driver's own connection; what it executes is part of `conn`'s transaction."""
    found = conn.connection.driver_connection
    assert isinstance(found, sqlite3.Connection)
    return found
