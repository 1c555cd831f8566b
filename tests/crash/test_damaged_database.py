"""A database that is damaged, lost or too old, and the way back by `tunectl daemon recover` and `rebuild`."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from storage.engine import open_database
from tests.crash.invariants import Invariants
from tests.crash.lab import Lab
from tests.crash.test_restored_copy import shown
from tests.e2e.conftest import DEADLINE_S, Refusal, wait_until
from tuned.core.errors import Unavailable
from tuned.daemon.recovery import offline

TABLES = ("studies", "study_specs", "space_versions", "trials", "attempts", "observations", "events", "rungs")
PAGE = 4096


def repair(home: Path, verb: str, *options: str) -> Any:
    """What `tunectl daemon recover` or `rebuild` does while no daemon runs; its report."""
    command = [sys.executable, "-I", "-m", "tuned.daemon", verb, "--home", str(home), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def pages_of(database: Path, table: str) -> list[int]:
    """Numbers of the pages that a table is stored in, its root first."""
    with contextlib.closing(sqlite3.connect(database)) as conn:
        return [n for (n,) in conn.execute("SELECT pageno FROM dbstat WHERE name = ? ORDER BY pageno", (table,))]


def damage(database: Path, pages: list[int]) -> None:
    with database.open("r+b") as file:
        for page in pages:
            file.seek((page - 1) * PAGE)
            file.write(b"\xa5" * PAGE)


def worked_in(lab: Lab) -> dict[str, list[Any]]:
    """Studies of all kinds that have ended, or stand still; what is known of their trials."""
    lab.start()
    asha = {"method": "asha", "min_step": 1, "max_step": 4, "reduction_factor": 2}
    plain = lab.submit(search={"method": "sobol", "trials": 6})
    judged = lab.submit(early_stopping=asha, search={"method": "random", "trials": 6})
    (lab.base / "fails.py").write_text("import sys, tuned; tuned.current_trial(); sys.exit('in vain')\n")
    failed = lab.submit(
        run={"script": "fails.py", "args": ["{params}"], "preload": [], "retries": {"error": 1}}, search={"trials": 1}
    )
    lab.wait_at_rest(plain, judged)
    wait_until(lambda: lab.daemon.trials(failed)[0]["state"] == "failed", "it fails twice")
    waiting = lab.submit(hold=True, search={"method": "sobol", "trials": 2})
    for number in (1, 2):
        lab.daemon.wait_state(waiting, number, "running")
    lab.daemon.post("/v1/pause", {"targets": [waiting]})
    lab.daemon.post("/v1/pause", {"targets": [f"{waiting}/1"], "level": "restart"})
    lab.daemon.wait_state(waiting, 1, "paused")
    lab.daemon.post(f"/v1/studies/{waiting}/enqueue", {"points": [{"x": 2.5}], "priority": 3})
    names = (plain, judged, failed, waiting)
    wait_until(lambda: all((lab.home / f"runs/{name}/study.json").exists() for name in names), "there are records")
    record = lab.home / "runs" / waiting / "study.json"
    wait_until(lambda: json.loads(record.read_text())["waiting"], "the point is in the record")
    return {name: shown(lab.daemon.trials(name)) for name in names}


def reported(lab: Lab, name: str) -> list[tuple[Any, ...]]:
    fields = ("number", "attempt", "name", "step", "value")
    return sorted(tuple(str(row[f]) for f in fields) for row in lab.daemon.get("/v1/metrics", target=name))


def same(before: dict[str, list[Any]], lab: Lab) -> None:
    for name, trials in before.items():
        now = {trial["number"]: trial for trial in shown(lab.daemon.trials(name))}
        for trial in trials:
            if trial["state"] != "running":
                assert now[trial["number"]] == trial, name
            else:
                assert now[trial["number"]]["state"] in ("running", "starting", "completed")


def test_rebuilt_from_the_run_directories_alone(lab: Lab) -> None:
    before = worked_in(lab)
    studies = {name: lab.daemon.study(name) for name in before}
    *_, waiting = before
    alive = {process.pid for process in lab.of_kind("supervisor", "trial")}
    lab.kill("daemon")
    report = repair(lab.home, "rebuild")
    assert report["studies"] == len(before)
    assert Path(report["kept"]).exists()
    lab.invariants = Invariants(lab.home, lab.journal)
    lab.restart()
    assert {process.pid for process in lab.of_kind("supervisor", "trial")} == alive
    same(before, lab)
    for name, study in studies.items():
        now = lab.daemon.study(name)
        assert {k: now[k] for k in ("state", "question", "best", "priority")} == {
            k: study[k] for k in ("state", "question", "best", "priority")
        }
    lab.release(waiting)
    lab.daemon.post("/v1/resume", {"targets": [waiting, f"{waiting}/1"]})
    lab.wait_at_rest(waiting)
    assert {t["state"] for t in lab.daemon.trials(waiting)} == {"completed"}
    assert "overlap" not in lab.journal.read_text().split()
    lab.invariants.check(at_rest=True)


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A state folder at rest, with its database in one file, and what is known of its trials."""
    lab = Lab(tmp_path_factory.mktemp("worked"))
    try:
        before = worked_in(lab)
        *_, waiting = before
        lab.daemon.post("/v1/cancel", {"targets": [waiting]})
        lab.release(waiting)
        lab.wait_at_rest(waiting)
        known = {name: shown(lab.daemon.trials(name)) for name in before}
        lines = {name: reported(lab, name) for name in before}
        lab.daemon.stop()
        yield lab.home, known, lines
    finally:
        lab.close()


@pytest.mark.parametrize("table", TABLES)
def test_damaged_pages_of(lab: Lab, worked: Any, table: str) -> None:
    """Half of a table's pages are overwritten; neither a copy nor another program is there to help."""
    home, known, lines = worked
    shutil.copytree(home, lab.home, ignore=shutil.ignore_patterns("tuned.sock", "home.json"))
    pages = pages_of(lab.home / "tuned.db", table)
    damage(lab.home / "tuned.db", pages[: max(1, len(pages) // 2)])
    lab.launch()
    assert lab.daemon.process is not None
    assert lab.daemon.process.wait(DEADLINE_S) == 1
    said = lab.daemon.log().splitlines()[-1]
    assert "the database is damaged" in said, said
    assert "tunectl daemon recover" in said
    report = repair(lab.home, "recover")
    assert report["database"] == "damaged"
    lab.start()
    for name, trials in known.items():
        now = shown(lab.daemon.trials(name))
        # A trial that was cancelled while it stood still is in no run directory: its row comes from a sound page.
        keep = [t["number"] for t in trials if t["state"] != "cancelled" or table == "attempts"]
        assert [t for t in now if t["number"] in keep] == [t for t in trials if t["number"] in keep], name
        assert reported(lab, name) == lines[name], name


def test_a_first_page_that_is_gone_is_taken_from_a_copy(lab: Lab, worked: Any) -> None:
    home, known, _ = worked
    shutil.copytree(home, lab.home, ignore=shutil.ignore_patterns("tuned.sock", "home.json"))
    (lab.home / "backups").mkdir(exist_ok=True)
    shutil.copyfile(lab.home / "tuned.db", lab.home / "backups" / "tuned-20260101-000000.db")
    damage(lab.home / "tuned.db", [1])
    report = repair(lab.home, "recover")
    assert report["source"]
    assert report["trials"] == sum(len(trials) for trials in known.values())
    lab.start()
    for name, trials in known.items():
        assert shown(lab.daemon.trials(name)) == trials


@pytest.mark.parametrize("point", ["recover.gathered", "recover.aside"])
def test_a_recovery_that_was_killed_begins_anew(lab: Lab, worked: Any, point: str) -> None:
    """What only the damaged file holds, such as the cancelling of a trial that stood still, is there all the same."""
    home, known, _ = worked
    shutil.copytree(home, lab.home, ignore=shutil.ignore_patterns("tuned.sock", "home.json", "backups"))
    damage(lab.home / "tuned.db", pages_of(lab.home / "tuned.db", "observations")[:1])
    command = [sys.executable, "-I", "-m", "tuned.daemon", "recover", "--home", str(lab.home)]
    environment = {**os.environ, "TUNED_FAILPOINTS": f"{point}=exit"}
    assert subprocess.run(command, env=environment, timeout=120, check=False).returncode == -signal.SIGKILL
    (lab.home / ".recover-cut-off").mkdir()
    repair(lab.home, "recover")
    assert not [
        path for path in lab.home.iterdir() if path.name.startswith(".recover") or path.suffix in (".new", ".part")
    ]
    lab.start()
    assert {name: shown(lab.daemon.trials(name)) for name in known} == known


def test_a_rebuild_that_was_killed_has_taken_nothing(lab: Lab, worked: Any) -> None:
    """The database stays in its place until the new one is whole; a second rebuild begins anew."""
    home, known, _ = worked
    shutil.copytree(home, lab.home, ignore=shutil.ignore_patterns("tuned.sock", "home.json", "backups"))
    command = [sys.executable, "-I", "-m", "tuned.daemon", "rebuild", "--home", str(lab.home)]
    environment = {**os.environ, "TUNED_FAILPOINTS": "rebuild.made=exit"}
    assert subprocess.run(command, env=environment, timeout=DEADLINE_S, check=False).returncode == -signal.SIGKILL
    with contextlib.closing(sqlite3.connect(lab.home / "tuned.db")) as conn:
        assert {name for (name,) in conn.execute("SELECT name FROM studies")} >= set(known)
    repair(lab.home, "rebuild")
    assert not [path for path in lab.home.iterdir() if path.suffix in (".new", ".part")]
    lab.start()
    for name in known:  # a trial that was cancelled before it began has no folder
        folders = {int(path.name) for path in (lab.home / "runs" / name).iterdir() if path.name.isdigit()}
        assert folders <= {t["number"] for t in lab.daemon.trials(name)} <= {t["number"] for t in known[name]}


def test_a_study_whose_record_was_never_due_is_rebuilt(lab: Lab) -> None:
    """The daemon is killed before the loop that keeps records has had its turn."""
    full = lab.fill_disk("loop.records")
    lab.start()
    name = lab.submit(hold=True, search={"method": "sobol", "trials": 1})
    lab.daemon.wait_state(name, 1, "running")
    lab.kill("daemon")
    full.unlink()
    repair(lab.home, "rebuild")
    lab.invariants = Invariants(lab.home, lab.journal)
    lab.restart()
    lab.release(name)
    lab.wait_at_rest(name)
    assert [(t["state"], t["attempt"]) for t in lab.daemon.trials(name)] == [("completed", 1)]
    lab.invariants.check(at_rest=True)


@pytest.mark.parametrize("marked", [None, -1], ids=["none is marked", "another is marked"])
def test_the_best_of_what_is_left_is_found(lab: Lab, worked: Any, marked: int | None) -> None:
    """The best trial was on a damaged page, and its run directory is gone, too."""
    home, known, _ = worked
    shutil.copytree(home, lab.home, ignore=shutil.ignore_patterns("tuned.sock", "home.json"))
    name = next(iter(known))
    ranked = sorted(known[name], key=lambda trial: trial["values"]["loss"])
    with contextlib.closing(sqlite3.connect(lab.home / "tuned.db")) as conn, conn:
        conn.execute("PRAGMA foreign_keys = ON")
        ids = dict(
            conn.execute("SELECT t.number, t.id FROM trials t JOIN studies s ON s.id = study_id AND name = ?", (name,))
        )
        mark = None if marked is None else ids[ranked[marked]["number"]]
        conn.execute("UPDATE studies SET best_trial_id = ? WHERE name = ?", (mark, name))
        conn.execute("DELETE FROM trials WHERE id = ?", (ids[ranked[0]["number"]],))
    shutil.rmtree(lab.home / "runs" / name / str(ranked[0]["number"]))
    repair(lab.home, "recover")
    with contextlib.closing(sqlite3.connect(lab.home / "tuned.db")) as conn:
        best = "SELECT t.number FROM trials t JOIN studies s ON s.best_trial_id = t.id WHERE s.name = ?"
        assert conn.execute(best, (name,)).fetchall() == [(ranked[1]["number"],)]


def test_damage_that_is_met_while_the_daemon_runs_is_an_alarm(lab: Lab, worked: Any) -> None:
    home, known, _ = worked
    shutil.copytree(home, lab.home, ignore=shutil.ignore_patterns("tuned.sock", "home.json"))
    lab.start()
    assert lab.daemon.get("/v1/status")["alarms"] == []
    damage(lab.home / "tuned.db", pages_of(lab.home / "tuned.db", "observations"))
    with pytest.raises(Refusal, match="the database is damaged") as refusal:
        lab.daemon.get("/v1/metrics", target=next(iter(known)))
    assert "tunectl daemon recover" in refusal.value.problem["hint"]
    (alarm,) = lab.daemon.get("/v1/status")["alarms"]
    assert "tunectl daemon recover" in alarm


TAIL = """
import os, tuned
tuned.current_trial().report(loss=1.0)
with open(os.environ["TUNED_RUN_DIR"] + "/metrics.jsonl", "a") as file:
    file.write('{"loss": 0.5}')
"""


def test_a_last_line_without_a_newline_is_read_again_too(lab: Lab) -> None:
    (lab.base / "tail.py").write_text(TAIL)
    lab.start()
    name = lab.submit(run={"script": "tail.py", "preload": []}, search={"method": "sobol", "trials": 1})
    lab.wait_at_rest(name)
    lab.daemon.stop()
    database = lab.home / "tuned.db"
    query = "SELECT name, step, value FROM observations WHERE name = 'loss' ORDER BY step"
    with contextlib.closing(sqlite3.connect(database)) as conn, conn:
        before = conn.execute(query).fetchall()
        conn.execute("DELETE FROM observations")
    assert [value for *_, value in before] == [1.0, 0.5]
    again = open_database(database)
    try:
        offline._read_metrics_again(again)
        with again.read() as conn:
            assert [tuple(row) for row in conn.exec_driver_sql(query)] == before
    finally:
        again.close()


def test_what_a_running_trial_reported_is_read_again_too(lab: Lab) -> None:
    lab.start()
    name = lab.submit(hold=True, search={"method": "sobol", "trials": 1})
    wait_until(lambda: lab.daemon.get("/v1/metrics", target=f"{name}/1", name="loss")[1:], "it has reported")
    lines = reported(lab, name)
    lab.daemon.stop()
    damage(lab.home / "tuned.db", pages_of(lab.home / "tuned.db", "observations"))
    shutil.rmtree(lab.home / "backups", ignore_errors=True)
    repair(lab.home, "recover")
    lab.start()
    assert reported(lab, name) == lines
    lab.release(name)
    lab.wait_at_rest(name)
    lab.invariants = Invariants(lab.home, lab.journal)
    lab.invariants.check(at_rest=True)


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_a_folder_in_the_place_of_the_database(lab: Lab, dry: tuple[str, ...]) -> None:
    lab.start()
    name = lab.submit(search={"method": "sobol", "trials": 1})
    lab.wait_at_rest(name)
    lab.daemon.stop()
    (lab.home / "tuned.db").unlink()
    (lab.home / "tuned.db" / "within").mkdir(parents=True)
    report = repair(lab.home, "recover", *dry)
    assert (report["studies"], report["trials"]) == (1, 1)
    assert "a folder lies in its place" in report["steps"][0]
    assert (Path(report["kept"]) / "within").is_dir() is not bool(dry)


def test_a_new_database_that_finds_no_room_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "tuned.db"
    with (
        pytest.raises(Unavailable, match="no room for another database: database or disk is full"),
        offline._part(path, path.with_name("tuned.db.new")) as part,
        contextlib.closing(sqlite3.connect(part)) as conn,
    ):
        conn.execute("PRAGMA max_page_count = 1")  # of a disk with less room than that
        conn.execute("CREATE TABLE too_large AS SELECT zeroblob(1000000)")
    assert not list(tmp_path.iterdir())
