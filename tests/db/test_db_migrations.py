from __future__ import annotations

import re
import sqlite3
import subprocess
import sys

import pytest

from storage import engine, schema
from storage.migrations import run, upgrade
from storage.models import REVISION, SCHEMA_VERSION
from tuned.core.errors import Unavailable


def described(path):
    conn = sqlite3.connect(path)
    rows = conn.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
    stamp = [conn.execute(f"PRAGMA {name}").fetchone()[0] for name in ("user_version", "application_id")]
    revision = conn.execute("SELECT version_num FROM alembic_version").fetchall()
    conn.close()
    return (
        sorted((t, n, b, re.sub(r"\s+(\)?)", r" \1", sql or "").replace(" )", ")").strip()) for t, n, b, sql in rows),
        stamp,
        revision,
    )


@pytest.fixture
def raw(tmp_path):
    """The write connection to an empty file, before any schema."""
    path = tmp_path / "migrated.db"
    engine.make_private(path)
    made = engine._engine(path, write=True)
    with made.connect() as conn:
        yield conn, path
    made.dispose()


def test_migrating_from_nothing_gives_what_a_fresh_file_has(tmp_path, raw, open_lab):
    open_lab(tmp_path / "fresh.db").close()
    conn, path = raw
    with conn.begin():
        run(conn)
    migrated, fresh = described(path), described(tmp_path / "fresh.db")
    assert dict(enumerate(migrated[0])) == dict(enumerate(fresh[0]))
    assert migrated[1:] == fresh[1:]
    assert (fresh[1], fresh[2]) == ([SCHEMA_VERSION, schema.APPLICATION_ID], [(REVISION,)])
    assert len(fresh[0]) > 20


def test_a_migrated_file_serves(raw, open_lab):
    conn, path = raw
    with conn.begin():
        run(conn)
    conn.close()
    lab = open_lab(path)
    assert lab.by_id(lab.completed(lab.study(), 0.5)).state == "completed"


def test_an_upgrade_leaves_a_copy_of_the_old_file(raw):
    conn, path = raw
    with conn.begin():
        conn.exec_driver_sql("CREATE TABLE leftover (x)")
    upgrade(conn, path)
    assert conn.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1
    copy = path.with_name("migrated.db.schema-0")
    old = sqlite3.connect(copy)
    assert old.execute("SELECT name FROM sqlite_master").fetchall() == [("leftover",)]
    old.close()
    assert copy.stat().st_mode & 0o777 == 0o600
    assert "trials" in {name for _, name, _, _ in described(path)[0]}


def test_an_upgrade_that_fails_changes_nothing(raw):
    conn, path = raw
    with conn.begin():
        conn.exec_driver_sql("CREATE TABLE trials (in_the_way)")
    with pytest.raises(Exception, match="trials already exists"):
        upgrade(conn, path)
    conn.rollback()
    tables = conn.exec_driver_sql("SELECT name FROM sqlite_master").scalars().all()
    assert tables == ["trials"]
    assert conn.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1


def test_an_older_file_is_upgraded_when_it_is_opened(tmp_path, open_lab):
    path = tmp_path / "tuned.db"
    conn = sqlite3.connect(path)
    conn.execute("CREATE TABLE leftover (x)")
    conn.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    conn.close()
    lab = open_lab(path)
    lab.study("digits")
    assert lab.sql("PRAGMA user_version") == [(SCHEMA_VERSION,)]
    assert path.with_name("tuned.db.schema-0").exists()


def test_alembic_and_the_mapper_are_not_imported_for_the_present_schema(tmp_path):
    child = (
        "import sys; from pathlib import Path\n"
        "from storage import queries, repository\n"
        "from storage.engine import open_database\n"
        "for _ in range(2): open_database(Path(sys.argv[1])).close()\n"
        "print([name for name in ('alembic', 'sqlalchemy.orm', 'mako', 'numpy') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", child, str(tmp_path / "t.db")], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


def test_an_interrupted_creation_leaves_an_empty_file(tmp_path, open_lab, monkeypatch):
    def fail(conn):
        raise sqlite3.OperationalError("interrupted")

    monkeypatch.setattr(schema, "stamp", fail)
    with pytest.raises((sqlite3.OperationalError, Unavailable)):
        engine.open_database(tmp_path / "tuned.db")
    monkeypatch.undo()
    assert open_lab(tmp_path / "tuned.db").study() == 1
