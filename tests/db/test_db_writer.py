from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from storage import queries, repository
from storage.engine import open_database
from storage.guard import FileGuard
from tests.patience import DEADLINE_S
from tuned.core.errors import Unavailable
from tuned.core.states import Actor

NOW = 1_000_000.0


class Held:
    """Holds the writer in a function until told, so that what follows waits for it and shares a transaction."""

    def __init__(self, lab):
        self._go = threading.Event()
        entered = threading.Event()

        def wait(conn):
            entered.set()
            assert self._go.wait(DEADLINE_S)

        self._future = lab.database.writer.submit(wait)
        assert entered.wait(DEADLINE_S)

    def release(self):
        self._go.set()
        self._future.result(DEADLINE_S)


def note(study_id, text):
    return lambda conn: repository.set_study_note(conn, study_id, text, NOW)


def test_what_waits_together_is_committed_together(lab):
    study_id = lab.study()
    lab.told.clear()
    held = Held(lab)
    futures = [lab.database.writer.submit(note(study_id, f"note {i}")) for i in range(10)]
    assert not any(future.done() for future in futures)
    held.release()
    assert [future.result(DEADLINE_S) for future in futures] == [True] * 10
    lab.do(lambda conn: None)
    assert [[e.data["text"] for e in events] for events in lab.told] == [[f"note {i}" for i in range(10)]]
    assert lab.study_row(study_id).note == "note 9"


def test_one_that_fails_leaves_nothing_and_disturbs_nobody(lab):
    study_id = lab.study()
    lab.told.clear()

    def spoil(conn):
        repository.set_study_note(conn, study_id, "spoiled", NOW)
        repository.set_study_priority(conn, study_id, 99, NOW)
        raise ValueError("no")

    held = Held(lab)
    good = lab.database.writer.submit(note(study_id, "before"))
    bad = lab.database.writer.submit(spoil)
    after = lab.database.writer.submit(lambda conn: queries.study_by_id(conn, study_id))
    held.release()
    with pytest.raises(ValueError, match="no"):
        bad.result(DEADLINE_S)
    assert good.result(DEADLINE_S)
    assert (after.result(DEADLINE_S).note, after.result(DEADLINE_S).priority) == ("before", 0)
    lab.do(lambda conn: None)
    assert [e.type for events in lab.told for e in events] == ["study.note"]
    assert [e.type for e in lab.events()] == ["study.submitted", "study.note"]


def test_a_group_is_bounded(lab):
    study_id = lab.study()
    lab.told.clear()
    held = Held(lab)
    for i in range(100):
        last = lab.database.writer.submit(note(study_id, f"{i}"))
    held.release()
    last.result(DEADLINE_S)
    lab.do(lambda conn: None)
    assert [len(events) for events in lab.told] == [64, 36]


def test_events_are_told_after_the_answer_and_in_order(tmp_path):
    seen = []
    answered = []
    database = open_database(tmp_path / "tuned.db", lambda events: seen.append((list(answered), events)))
    held = Held(type("Lab", (), {"database": database}))
    future = database.writer.submit(lambda conn: repository.prune_events(conn, 0))
    future.add_done_callback(lambda _: answered.append("pruned"))
    from storage.repository.events import add_event

    second = database.writer.submit(lambda conn: [add_event(conn, "study.note", "s", None, {}, NOW) for _ in range(2)])
    second.add_done_callback(lambda _: answered.append("noted"))
    held.release()
    database.close()
    ((answered_before, events),) = seen
    assert answered_before == ["pruned", "noted"]
    assert [e.seq for e in events] == second.result() == [1, 2]


def test_a_listener_that_fails_does_not_harm_the_writer(tmp_path, caplog):
    def listen(events):
        raise RuntimeError("listener")

    database = open_database(tmp_path / "tuned.db", listen)
    from storage.repository.events import add_event

    for _ in range(2):
        database.writer.submit(lambda conn: add_event(conn, "study.note", "s", None, {}, NOW)).result(DEADLINE_S)
    database.close()
    assert "the events are stored" in caplog.text


async def test_run_awaits_the_result(lab):
    async def one(i):
        return await lab.database.writer.run(lambda conn: i)

    assert await asyncio.gather(*(one(i) for i in range(200))) == list(range(200))
    with pytest.raises(ZeroDivisionError):
        await lab.database.writer.run(lambda conn: 1 // 0)


async def test_what_is_cancelled_before_its_turn_does_not_run(lab):
    study_id = lab.study()
    held = Held(lab)
    task = asyncio.create_task(lab.database.writer.run(note(study_id, "cancelled")))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    held.release()
    lab.do(lambda conn: None)
    assert lab.study_row(study_id).note == ""


def test_closing_finishes_what_was_submitted(tmp_path, open_lab):
    lab = open_lab(tmp_path / "tuned.db")
    study_id = lab.study()
    held = Held(lab)
    futures = [lab.database.writer.submit(note(study_id, f"{i}")) for i in range(200)]
    closer = threading.Thread(target=lab.close)
    closer.start()
    held.release()
    closer.join(DEADLINE_S)
    assert all(future.result(0) for future in futures)
    lab.close()
    with pytest.raises(Unavailable, match="closed"):
        lab.do(note(study_id, "late"))
    assert open_lab(tmp_path / "tuned.db").study_row(study_id).note == "199"


def test_a_full_disk_fails_the_function_and_the_writer_goes_on(lab):
    study_id = lab.study()
    pages = lab.do(lambda conn: conn.exec_driver_sql("PRAGMA page_count").scalar_one())
    lab.do(lambda conn: conn.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}").scalar_one())
    held = Held(lab)
    before = lab.database.writer.submit(note(study_id, "before"))
    full = lab.database.writer.submit(lambda conn: repository.set_study_note(conn, study_id, "x" * 100_000, NOW))
    after = lab.database.writer.submit(lambda conn: repository.set_study_priority(conn, study_id, 5, NOW))
    held.release()
    with pytest.raises(Unavailable, match=r"tuned.db: the disk is full \(free"):
        full.result(DEADLINE_S)
    # SQLite may have given up the whole transaction: then those before it say so, and none says done that is not.
    try:
        expected = "before" if before.result(DEADLINE_S) else ""
    except Unavailable:
        expected = ""
    assert after.result(DEADLINE_S)
    row = lab.study_row(study_id)
    assert (row.note, row.priority) == (expected, 5)
    lab.do(lambda conn: conn.exec_driver_sql("PRAGMA max_page_count = 1000000").scalar_one())
    assert lab.do(note(study_id, "room again"))


def test_a_commit_that_fails_fails_the_group_and_tells_nothing(lab):
    study_id = lab.study()
    lab.told.clear()
    wal = lab.path.with_name("tuned.db-wal")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    held = Held(lab)
    futures = [
        lab.database.writer.submit(lambda conn, n=n: repository.set_study_note(conn, study_id, f"{n}" * 50_000, NOW))
        for n in range(3)
    ]
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (wal.stat().st_size + 20_000, hard))
        held.release()
        errors = [future.exception(30) for future in futures]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [type(error) for error in errors] == [Unavailable] * 3
    assert all(str(lab.path) in str(error) for error in errors)
    assert lab.told == []
    assert lab.study_row(study_id).note == ""
    assert lab.do(note(study_id, "goes on"))
    assert lab.study_row(study_id).note == "goes on"


def test_a_transaction_that_sqlite_gives_up_takes_its_group_along_but_not_those_behind(lab):
    study_id = lab.study()
    lab.told.clear()

    def give_up(conn):
        conn.connection.driver_connection.execute("ROLLBACK")
        raise sqlite3.OperationalError("as a failing disk does")

    held = Held(lab)
    before = lab.database.writer.submit(note(study_id, "before"))
    bad = lab.database.writer.submit(give_up)
    after = lab.database.writer.submit(lambda conn: repository.set_study_priority(conn, study_id, 5, NOW))
    held.release()
    with pytest.raises(Unavailable):
        before.result(DEADLINE_S)
    with pytest.raises(sqlite3.OperationalError):
        bad.result(DEADLINE_S)
    assert after.result(DEADLINE_S)
    row = lab.study_row(study_id)
    assert (row.note, row.priority) == ("", 5)
    lab.do(lambda conn: None)
    assert [e.type for events in lab.told for e in events] == ["study.priority"]


def test_a_dead_writer_says_so(tmp_path, caplog):
    database = open_database(tmp_path / "tuned.db")

    class Fatal(BaseException):
        pass

    def die(conn):
        raise Fatal

    held = Held(type("Lab", (), {"database": database}))
    dying = database.writer.submit(die)
    waiting = [database.writer.submit(lambda conn: 1) for _ in range(100)]
    held.release()
    for future in [dying, *waiting]:
        with pytest.raises(Unavailable, match="has died"):
            future.result(DEADLINE_S)
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        try:
            late = database.writer.submit(lambda conn: 1)
        except Unavailable as error:
            assert "has died" in str(error)
            break
        with pytest.raises(Unavailable):
            late.result(DEADLINE_S)
    else:
        pytest.fail("it still takes work")
    database.close()
    assert "has died" in caplog.text


def test_a_broken_rule_of_the_schema_is_the_callers_error(lab):
    with pytest.raises(Exception, match="FOREIGN KEY"):
        lab.do(
            lambda conn: conn.exec_driver_sql("INSERT INTO study_counts (study_id, state, n) VALUES (99, 'queued', 1)")
        )
    with pytest.raises(Exception, match="CHECK"):
        study_id = lab.study()
        lab.do(lambda conn: conn.exec_driver_sql("UPDATE studies SET state = 'odd' WHERE id = ?", (study_id,)))
    lab.queue(study_id)
    with pytest.raises(Exception, match="CHECK"):
        lab.do(lambda conn: conn.exec_driver_sql("UPDATE trials SET stop_reason = 'kill'"))
    with pytest.raises(Exception, match="cannot store TEXT"):
        lab.do(lambda conn: conn.exec_driver_sql("UPDATE trials SET priority = 'high'"))
    assert lab.do(repository.move_study, study_id, "pause", Actor.USER, NOW) == "paused"


def test_a_file_of_the_callers_is_not_called_the_database(lab):
    """Only SQLite's own errors are told as the database's: the person has to look at the file that was meant."""

    def missing(conn):
        raise FileNotFoundError(2, "No such file or directory", "/runs/digits/1/exit.json")

    with pytest.raises(FileNotFoundError) as caught:
        lab.do(missing)
    assert caught.value.filename == "/runs/digits/1/exit.json"
    with pytest.raises(PermissionError), lab.database.read():
        raise PermissionError(13, "Permission denied", "/data/secret")
    assert lab.study() == 1, "the writer goes on"


def test_a_folder_that_is_shut_for_a_while_is_not_one_that_was_taken_away(lab, monkeypatch):
    def shut(path, *_, **__):
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(Path, "stat", shut)
        study_id = lab.study("meanwhile")
    lab.study("later")
    assert lab.study_row(study_id).name == "meanwhile"


def test_what_was_written_while_the_file_was_shut_is_ours(tmp_path, monkeypatch):
    def shut(path, *_, **__):
        raise PermissionError(13, "Permission denied", str(path))

    path = tmp_path / "tuned.db"
    path.write_bytes(b"before" * 100)
    guard = FileGuard(path)
    path.write_bytes(b"after!" * 101)
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr("builtins.open", shut)
        guard.wrote()
    assert not guard.changed()
    path.write_bytes(b"others" * 102)
    assert guard.changed()
    guard.close()


def test_another_program_that_reads_the_file_takes_nothing_from_it(lab):
    # The last connection to close removes the write-ahead log: another program would, were our locks dropped.
    read = (
        "import sqlite3, sys; print(*sqlite3.connect(sys.argv[1]).execute('SELECT count(*) FROM studies').fetchone())"
    )
    path = lab.database.path
    for known in (1, 2):
        lab.study(f"s{known}")
        lab.database.writer.ask_guard()
        (path.parent / path.name).touch()  # the guard looks at its header
        lab.study(f"t{known}")
        out = subprocess.run([sys.executable, "-c", read, str(path)], capture_output=True, text=True, check=True)
        assert int(out.stdout) == 2 * known
        assert path.with_name(f"{path.name}-wal").exists()


@pytest.mark.parametrize("harm", [Path.unlink, lambda log: os.truncate(log, 0), lambda log: os.truncate(log, 5000)])
def test_what_lies_in_a_log_that_was_taken_away_is_not_added_to(lab, harm):
    """The last commits lie in the log alone: who kills the daemon now loses what it would acknowledge."""
    lab.study("before")
    harm(lab.path.with_name("tuned.db-wal"))
    with pytest.raises(Unavailable, match="its log was removed or cut short"):
        lab.study("later")
    with pytest.raises(Unavailable, match="its log was removed or cut short"):
        lab.sql("SELECT name FROM studies")


def test_what_a_removed_log_held_is_saved(lab):
    lab.study("before")
    lab.path.with_name("tuned.db-wal").unlink()
    with pytest.raises(Unavailable, match="what it held is in"):
        lab.study("later")
    (rescued,) = lab.path.parent.glob("tuned.db.rescued-*")
    with contextlib.closing(sqlite3.connect(rescued)) as conn:
        assert conn.execute("SELECT name FROM studies").fetchall() == [("before",)]
