from __future__ import annotations

import gzip
import json
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from storage import engine, migrations, queries, schema
from storage.migrations import run, upgrade
from storage.models import REVISION, SCHEMA_VERSION
from storage.stamp import APPLICATION_ID
from tests.patience import DEADLINE_S
from tuned.core.errors import Unavailable
from tuned.core.states import TrialState
from tuned.core.trials.ran import ran_s

RELEASED = Path(__file__).parent / "schemas"
"""One file of each released schema, written by the version that had it: studies that ended and one under way, with a
frozen trial, rungs, a playbook, observations and events."""


@pytest.fixture
def released(tmp_path):
    """A copy of the file that a released version wrote."""

    def copy(version: int) -> Path:
        path = tmp_path / "tuned.db"
        path.write_bytes(gzip.decompress((RELEASED / f"schema-{version}.db.gz").read_bytes()))
        return path

    return copy


def described(path):
    conn = sqlite3.connect(path)
    rows = conn.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
    stamp = [conn.execute(f"PRAGMA {name}").fetchone()[0] for name in ("user_version", "application_id")]
    revision = conn.execute("SELECT version_num FROM alembic_version").fetchall()
    conn.close()
    return (
        sorted(
            (t, n, b, re.sub(r"\s+(\)?)", r" \1", sql or "").replace(" )", ")").replace(" ,", ",").strip())
            for t, n, b, sql in rows
        ),
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
    assert (fresh[1], fresh[2]) == ([SCHEMA_VERSION, APPLICATION_ID], [(REVISION,)])
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
    conn.execute(f"PRAGMA application_id = {APPLICATION_ID}")
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
        [sys.executable, "-c", child, str(tmp_path / "t.db")],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=True,
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


def rows_of(path, version):
    """Every table's rows, as the columns of that file's schema name them."""
    conn = sqlite3.connect(path)
    conn.row_factory = sqlite3.Row
    tables = [row[0] for row in conn.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    found = {table: [dict(row) for row in conn.execute(f"SELECT * FROM {table}")] for table in tables}
    conn.close()
    del found["meta"], found["alembic_version"]
    return found


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_a_file_of_a_released_schema_is_upgraded_with_everything_in_it(tmp_path, released, open_lab, version):
    path = released(version)
    before = rows_of(path, version)
    lab = open_lab(path)
    after = rows_of(path, SCHEMA_VERSION)
    places = [row["run_dir"] for row in before["attempts"]]
    for row in before["attempts"]:
        row["run_dir"] = row["run_dir"][row["run_dir"].index("/runs/") + 1 :]
    for table, rows in before.items():
        assert [{name: new[name] for name in old} for old, new in zip(rows, after[table], strict=True)] == rows
    copied = rows_of(path.with_name(f"tuned.db.schema-{version}"), version)
    assert [row["run_dir"] for row in copied.pop("attempts")] == places
    del before["attempts"]
    assert copied == before
    open_lab(tmp_path / "fresh.db").close()
    assert described(path) == described(tmp_path / "fresh.db")
    # Rows read as core dataclasses, and the file goes on being written.
    studies = {study.name: study for study in lab.ask(queries.studies)}
    assert studies["asha"].counts == {"completed": 22, "failed": 1}
    assert studies["asha"].best is not None
    assert studies["asha"].best.number == 6
    (frozen,) = lab.ask(queries.trials, studies["held"].id, states=[TrialState.RUNNING])
    assert (frozen.number, frozen.frozen) == (1, True)
    assert lab.by_id(lab.completed(studies["held"].id, 0.5)).state == "completed"


def test_an_upgrade_ranks_trials_that_ran_whole_before_those_cut_short(released, open_lab):
    path = released(1)
    conn = sqlite3.connect(path)
    (trigger,) = conn.execute("SELECT sql FROM sqlite_master WHERE name = 'trials_ended'").fetchone()
    conn.execute("DROP TRIGGER trials_ended")
    study_id, best_id, spec = conn.execute(
        "SELECT id, best_trial_id, spec FROM studies JOIN study_specs ON study_id = id WHERE name = 'asha'"
    ).fetchone()
    sign = "-" if json.loads(spec)["objectives"][0]["direction"] == "maximize" else ""
    ordered = conn.execute(
        f"SELECT id, number FROM trials WHERE study_id = ? AND value IS NOT NULL ORDER BY {sign}value, number",
        (study_id,),
    ).fetchall()
    assert ordered[0][0] == best_id
    cut, converged = ordered[:2]
    conn.execute("UPDATE trials SET state = 'pruned', reason = 'pruned by you' WHERE id = ?", (cut[0],))
    reason = "no better val_loss for 3 steps than 0.5 at step 4"
    conn.execute("UPDATE trials SET state = 'pruned', reason = ? WHERE id = ?", (reason, converged[0]))
    conn.execute(trigger)
    conn.commit()
    conn.close()
    lab = open_lab(path)
    study = lab.study_row(study_id)
    assert study.best is not None
    assert (study.best.number, study.best.cut) == (converged[1], False)
    numbers = [number for _, number in ordered if number != cut[1]]
    assert [trial.number for trial in lab.ask(queries.best_trials, study, 99)] == numbers
    assert lab.by_id(converged[0]).stopped_by == "patience"


def test_the_clock_of_a_trial_that_waits_after_a_run_stands_still_since_its_end(released, open_lab):
    path = released(1)
    conn = sqlite3.connect(path)
    (waits, never), now = (conn.execute("SELECT min(id), max(id) FROM trials WHERE state = 'queued'").fetchone()), 1e6
    conn.execute("UPDATE trials SET attempt = 1, started_at = ? WHERE id = ?", (now, waits))
    conn.execute(
        "INSERT INTO attempts (trial_id, attempt, attempt_id, run_dir, device, claimed_at, started_at, ended_at)"
        " VALUES (?, 1, 'a', '/x/runs/held/2/1', 'cpu:0', ?, ?, ?)",
        (waits, now, now, now + 10),
    )
    conn.commit()
    conn.close()
    lab = open_lab(path)
    assert [lab.by_id(trial).still_since for trial in (waits, never)] == [now + 10, None]


def test_the_clock_of_a_frozen_trial_stands_still_since_it_was_frozen(released, open_lab):
    path = released(1)
    conn = sqlite3.connect(path)
    (at,) = conn.execute("SELECT max(at) FROM events WHERE type = 'trial.frozen' AND study = 'held'").fetchone()
    conn.close()
    lab = open_lab(path)
    (held,) = [study for study in lab.ask(queries.studies) if study.name == "held"]
    (frozen,) = [trial for trial in lab.ask(queries.trials, held.id) if trial.frozen]
    assert frozen.state is TrialState.RUNNING and frozen.started_at < at
    assert frozen.still_since == at
    assert ran_s(frozen, at + 3600) == pytest.approx(at - frozen.started_at)
    others = [trial for trial in lab.ask(queries.trials, held.id) if trial.state is TrialState.RUNNING]
    assert [trial.still_since for trial in others if not trial.frozen] == [None] * (len(others) - 1)


@pytest.mark.parametrize(
    ("reason", "paused_by"),
    [("paused by you", "user"), ("its trials are being imported", "import"), ("the last 5 trials failed", "daemon")],
)
def test_an_upgrade_keeps_who_paused_a_study(released, open_lab, reason, paused_by):
    path = released(1)
    conn = sqlite3.connect(path)
    conn.execute("UPDATE studies SET state = 'paused', reason = ? WHERE name = 'held'", (reason,))
    conn.commit()
    conn.close()
    studies = {study.name: study.paused_by for study in open_lab(path).ask(queries.studies)}
    assert studies == {"asha": "", "held": paused_by}


def test_each_released_schema_has_a_file_here():
    kept = sorted(path.name for path in RELEASED.iterdir())
    assert kept == [f"schema-{version}.db.gz" for version in range(1, SCHEMA_VERSION)]


def test_the_migrations_are_one_chain_that_ends_in_the_schema_of_the_code():
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    script = ScriptDirectory.from_config(config)
    assert script.get_heads() == [REVISION]
    assert len(list(script.walk_revisions())) == SCHEMA_VERSION


def test_a_file_of_a_newer_schema_is_refused_in_one_line_and_left_alone(tmp_path, open_lab):
    path = tmp_path / "tuned.db"
    open_lab(path).close()
    conn = sqlite3.connect(path)
    conn.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    conn.close()
    before = path.read_bytes()
    with pytest.raises(Unavailable, match=rf"newer version \(schema {SCHEMA_VERSION + 1}") as refused:
        engine.open_database(path)
    assert "\n" not in str(refused.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "lacks"),
    [
        ("ALTER TABLE events DROP COLUMN caller", r"no events\.caller"),
        ("DROP TABLE trial_params", r"no trial_params\.\w+"),
        ("DROP INDEX trials_caller", "no index trials_caller"),
        ("DROP TRIGGER trials_ended", "no trigger trials_ended"),
        (
            "DROP TRIGGER trials_ended; CREATE TRIGGER trials_ended BEFORE UPDATE ON trials BEGIN SELECT 1; END",
            "no trigger trials_ended of this version",
        ),
        (
            (
                "PRAGMA writable_schema = 1;"
                " UPDATE sqlite_master SET sql = replace(sql, '''lost''', '''gone''') WHERE name = 'trials'"
            ),
            "no condition state IN .*'lost'.* of trials",
        ),
    ],
)
def test_a_file_from_between_two_releases_is_refused_with_the_way_on(tmp_path, open_lab, change, lacks):
    path = tmp_path / "tuned.db"
    open_lab(path).close()
    conn = sqlite3.connect(path)
    conn.executescript(change)
    conn.commit()
    conn.close()
    with pytest.raises(Unavailable, match=lacks) as refused:
        engine.open_database(path)
    assert "tunectl daemon rebuild" in str(refused.value)
