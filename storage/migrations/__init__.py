"""Upgrades of a database file that an older version wrote.

Owns running Alembic on one connection, all steps in one transaction, after a copy of the file. Import it only when the
schema is old.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from storage.driver import driver_of
from storage.stamp import stamp


def upgrade(conn: Connection, path: Path) -> None:
    """Bring the schema to the newest, or leave the file as it was.

    Args:
        conn: The write connection, without an open transaction.
        path: The file; a copy of it is left beside it as `NAME.schema-N` until somebody removes it.

    Raises:
        DBAPIError: A step failed; nothing has changed.
    """
    version = conn.exec_driver_sql("PRAGMA user_version").scalar_one()
    conn.rollback()
    _copy(conn, path.with_name(f"{path.name}.schema-{version}"))
    driver = driver_of(conn)
    # Tables are remade under the same name by some steps: references are checked once, at the end.
    driver.execute("PRAGMA foreign_keys = OFF")
    try:
        with conn.begin():
            run(conn)
            broken = conn.exec_driver_sql("PRAGMA foreign_key_check").all()
            if broken:
                raise RuntimeError(f"the upgrade broke references: {broken[:3]}")
    finally:
        driver.execute("PRAGMA foreign_keys = ON")


def run(conn: Connection) -> None:
    """Apply every missing step in the caller's transaction."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = conn
    command.upgrade(config, "head")
    stamp(conn)


def _copy(conn: Connection, target: Path) -> None:
    target.unlink(missing_ok=True)
    target.touch(mode=0o600)
    driver = driver_of(conn)
    driver.execute("VACUUM INTO ?", (str(target),))
