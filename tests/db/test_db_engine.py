from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import subprocess
import sys
import threading

import pytest
from sqlalchemy.exc import OperationalError

from storage import queries, repository, schema
from storage.engine import READERS, open_database
from storage.problems import Damaged, refuse_network
from tests.patience import DEADLINE_S
from tuned.core.errors import Unavailable

NOW = 1_000_000.0


def refused(path, pattern):
    with pytest.raises(Unavailable, match=pattern) as caught:
        open_database(path)
    error = caught.value
    assert error.where == str(path)
    assert error.hint
    assert "\n" not in str(error)


def pragma(conn, name):
    return conn.exec_driver_sql(f"PRAGMA {name}").scalar_one()


def test_the_writing_connection_is_durable_and_strict(lab):
    found = lab.do(lambda c: [pragma(c, n) for n in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")])
    assert found == ["wal", 2, 1, 5000]
    strict = lab.sql(
        "SELECT name FROM pragma_table_list WHERE strict = 0 AND type = 'table' AND name NOT LIKE 'sqlite_%'"
    )
    assert strict == [("alembic_version",)]


def test_the_file_is_for_this_user_alone(lab):
    lab.study()
    for name in ("tuned.db", "tuned.db-wal", "tuned.db-shm"):
        assert lab.path.with_name(name).stat().st_mode & 0o777 == 0o600


def test_readers_cannot_write(lab):
    for statement in ("DELETE FROM meta", "CREATE TABLE x (y)", "PRAGMA user_version = 9"):
        with pytest.raises((Unavailable, OperationalError), match=r"written|readonly"):
            lab.ask(lambda conn, s=statement: conn.exec_driver_sql(s))
    assert lab.ask(lambda c: pragma(c, "query_only")) == 1


def test_a_read_sees_one_moment(lab):
    lab.study("a")
    with lab.database.read() as conn:
        assert len(queries.studies(conn)) == 1
        lab.study("b")
        assert len(queries.studies(conn)) == 1
    assert len(lab.ask(queries.studies)) == 2


def test_many_threads_read_at_once(lab):
    lab.study("a")
    together = threading.Barrier(8)
    seen = []

    def read():
        with lab.database.read() as conn:
            together.wait(DEADLINE_S)
            seen.append(len(queries.studies(conn)))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    assert seen == [1] * 8


def test_what_was_written_is_there_after_opening_again(tmp_path, open_lab):
    first = open_lab(tmp_path / "tuned.db")
    study_id = first.study("digits")
    first.completed(study_id, 0.5)
    study, events = first.study_row(study_id), first.events()
    first.close()
    again = open_lab(tmp_path / "tuned.db")
    assert (again.study_row(study_id), again.events()) == (study, events)


def test_a_folder_with_odd_characters(tmp_path, open_lab):
    folder = tmp_path / "a b#c?d%41é"
    folder.mkdir()
    open_lab(folder / "tuned.db").study()
    assert "tuned.db" in {p.name for p in folder.iterdir()}


def test_a_missing_folder(tmp_path):
    refused(tmp_path / "nowhere" / "tuned.db", "cannot be opened")


def test_a_folder_in_its_place(tmp_path):
    (tmp_path / "tuned.db").mkdir()
    refused(tmp_path / "tuned.db", "cannot be opened")


def test_no_database(tmp_path):
    (tmp_path / "tuned.db").write_text("lr = 0.1\n" * 1000)
    refused(tmp_path / "tuned.db", "not a database")
    assert (tmp_path / "tuned.db").read_text().startswith("lr")


def test_another_programs_database(tmp_path):
    with sqlite3.connect(tmp_path / "tuned.db") as conn:
        conn.execute("CREATE TABLE mine (x)")
    conn.close()
    refused(tmp_path / "tuned.db", "another program")
    conn = sqlite3.connect(tmp_path / "tuned.db")
    assert conn.execute("SELECT name FROM sqlite_master").fetchall() == [("mine",)]
    conn.close()


def test_a_newer_schema(tmp_path, open_lab):
    open_lab(tmp_path / "tuned.db").close()
    conn = sqlite3.connect(tmp_path / "tuned.db")
    conn.execute("PRAGMA user_version = 99")
    conn.close()
    refused(tmp_path / "tuned.db", r"newer version \(schema 99")


def spoil(path, first, last):
    """Overwrite some pages."""
    with open(path, "r+b") as file:
        file.seek(4096 * first)
        file.write(b"\xa5" * 4096 * (last - first))


@pytest.mark.parametrize("pages", [(1, 4), (4, 40)])
def test_damage_after_a_crash_is_seen_at_once(tmp_path, open_lab, pages):
    lab = open_lab(tmp_path / "tuned.db")
    lab.queue(lab.study(), 500)
    lab.close()
    conn = sqlite3.connect(tmp_path / "tuned.db")
    conn.execute("INSERT INTO meta VALUES ('open', '1')")
    conn.commit()
    conn.close()
    spoil(tmp_path / "tuned.db", *pages)
    refused(tmp_path / "tuned.db", "damaged")


def test_damage_met_while_reading_is_told_in_one_line_and_remembered(tmp_path, open_lab, monkeypatch):
    lab = open_lab(tmp_path / "tuned.db")
    study_id = lab.study()
    lab.queue(study_id, 500)
    lab.close()
    spoil(tmp_path / "tuned.db", 40, 90)
    monkeypatch.setattr(schema, "check", lambda conn, path, wholly_up_to: None)  # it comes after the start
    again = open_lab(tmp_path / "tuned.db")
    with pytest.raises(Unavailable, match="damaged"):
        again.ask(queries.trials, study_id)
    assert "the database is damaged (tunectl daemon recover" in again.database.writer.damage
    with pytest.raises(Unavailable, match="damaged"):
        again.do(queries.trials, study_id)


def test_the_file_is_checked_more_thoroughly_when_it_was_not_closed(tmp_path, open_lab, monkeypatch):
    checked = []
    monkeypatch.setattr(schema, "check", lambda conn, path, wholly_up_to: checked.append(wholly_up_to))
    first = open_lab(tmp_path / "tuned.db")
    assert first.sql("SELECT value FROM meta WHERE key = 'open'") == [("1",)]
    first.close()
    open_lab(tmp_path / "tuned.db").close()
    assert checked == [schema.CHECK_CLEAN_BYTES]
    conn = sqlite3.connect(tmp_path / "tuned.db")
    conn.execute("INSERT INTO meta VALUES ('open', '1')")
    conn.commit()
    conn.close()
    open_lab(tmp_path / "tuned.db").close()
    assert checked[1:] == [schema.CHECK_WHOLE_BYTES]
    open_database(tmp_path / "tuned.db", check_wholly=True).close()
    assert checked[2:] == [True]


def test_a_large_file_is_checked_where_it_matters(tmp_path, open_lab):
    lab = open_lab(tmp_path / "tuned.db")
    lab.study()
    lab.do(lambda conn: None)
    lab.ask(lambda conn: schema.check(conn, lab.path, 0))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_folder_of_somebody_else(tmp_path, open_lab):
    open_lab(tmp_path / "tuned.db").close()
    # Everybody may look, nobody else may write.
    for folder in (tmp_path, *tmp_path.parents):
        if folder.name.startswith("pytest"):
            folder.chmod(0o755)
    (tmp_path / "tuned.db").chmod(0o644)
    child = (
        "import os, sys; from pathlib import Path\n"
        "from storage.engine import open_database\n"
        "os.setuid(65534)\n"
        "try: open_database(Path(sys.argv[1]))\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    for name in ("tuned.db", "new.db"):
        done = subprocess.run(
            [sys.executable, "-c", child, str(tmp_path / name)],
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=True,
        )
        assert re.match(r"Unavailable .*(permission|cannot be (written|opened)|denied)", done.stdout), done


MOUNTS = r"""
/dev/sda1 / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/sdb1 /home/local xfs rw 0 0
host:/x /mnt/my\040share fuse.sshfs rw 0 0
//nas/y /data cifs rw 0 0
/dev/sdc1 /data ext4 rw 0 0
odd
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/home/me/tuned.db", "nfs4"), ("/mnt/my share/a/tuned.db", "fuse.sshfs")],
)
def test_network_file_systems_are_refused(path, kind, tmp_path):
    with pytest.raises(Unavailable, match=re.escape(f"network file system ({kind})")) as caught:
        refuse_network(tmp_path / path, MOUNTS)
    assert "TUNED_HOME" in str(caught.value)


@pytest.mark.parametrize("path", ["/tuned.db", "/home/local/me/tuned.db", "/homer/tuned.db", "/data/tuned.db"])
def test_local_file_systems_are_not(path, tmp_path):
    refuse_network(tmp_path / path, MOUNTS)


def test_retention_forgets_the_oldest_events_only(lab):
    study_id = lab.study(now=NOW)
    for at in range(1, 6):
        lab.do(repository.set_study_note, study_id, f"{at}", NOW + at)
    assert (lab.ask(queries.first_event_seq), lab.ask(queries.last_event_seq)) == (1, 6)
    assert lab.do(repository.prune_events, NOW + 3) == 3
    assert lab.do(repository.prune_events, NOW + 3) == 0
    assert [e.seq for e in lab.events()] == [4, 5, 6]
    assert lab.ask(queries.first_event_seq) == 4
    assert lab.do(repository.prune_events, NOW + 99) == 3
    assert (lab.ask(queries.first_event_seq), lab.ask(queries.last_event_seq)) == (7, 6)
    lab.do(repository.set_study_note, study_id, "again", NOW)
    assert [e.seq for e in lab.events()] == [7]


def test_an_empty_database_has_no_events(lab):
    assert (lab.ask(queries.first_event_seq), lab.ask(queries.last_event_seq)) == (1, 0)
    assert lab.events() == []


def test_events_are_read_in_pages_and_by_study(lab):
    a, b = lab.study("a"), lab.study("b")
    lab.queue(a, 2)
    lab.queue(b, 1)
    assert [e.seq for e in lab.ask(queries.events_since, 1, limit=2)] == [2, 3]
    assert [(e.seq, e.number) for e in lab.ask(queries.events_since, 0, study="b")] == [(2, None), (5, 1)]


@pytest.mark.parametrize(
    "harm",
    [
        "DELETE FROM study_specs",
        "DELETE FROM studies",
        "DELETE FROM attempts",
        "UPDATE trials SET study_id = 99",
        "UPDATE attempts SET trial_id = 99",
    ],
)
def test_rows_that_lack_those_they_belong_to_are_damage(tmp_path, open_lab, harm):
    lab = open_lab(tmp_path / "tuned.db")
    (trial,) = lab.queue(lab.study())
    lab.claim(trial)
    lab.close()
    with contextlib.closing(sqlite3.connect(lab.path)) as conn:
        conn.execute(harm)
        conn.commit()
    with pytest.raises(Damaged, match=r"the database is damaged: rows of .* (belong to none|are missing)"):
        open_database(lab.path)


@pytest.mark.parametrize("change", ["state = 'odd'", "state = NULL", "name = x'ff'", "name = NULL"])
def test_a_row_of_a_study_that_tuned_never_wrote_is_damage_when_it_is_met(lab, change):
    lab.study("a")
    bent = "replace(replace(sql, 'NOT NULL', ''), 'STRICT', '')"
    for statement in (f"UPDATE sqlite_master SET sql = {bent} WHERE name = 'studies'", f"UPDATE studies SET {change}"):
        with contextlib.closing(sqlite3.connect(lab.path, isolation_level=None)) as conn:
            for pragma in ("wal_autocheckpoint = 0", "ignore_check_constraints = ON", "writable_schema = ON"):
                conn.execute(f"PRAGMA {pragma}")
            conn.execute(statement)
    with pytest.raises(Damaged, match="the database is damaged: a row holds no study"):
        lab.ask(queries.studies)


def test_a_reader_that_has_met_damage_sees_what_is_written_later(lab):
    """What was half read holds its connection at that moment, for as long as the error is kept."""
    study = lab.study()
    lab.queue(study, 200)
    with contextlib.closing(sqlite3.connect(lab.path, isolation_level=None)) as conn:
        conn.execute("UPDATE trials SET retries_used = '{' WHERE number = 20")
    kept = []
    for _ in range(2 * READERS):
        with pytest.raises(Damaged) as caught:
            lab.ask(queries.trials, study)
        kept.append(caught)
    with contextlib.closing(sqlite3.connect(lab.path, isolation_level=None)) as conn:
        conn.execute("UPDATE trials SET retries_used = '{}' WHERE number = 20")
    for _ in range(2 * READERS):
        assert len(lab.ask(queries.trials, study)) == 200
