"""An older copy of the database in place of a newer one, while trials that it does not know live."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path
from typing import Any

from tests.crash.invariants import Invariants
from tests.crash.lab import Lab
from tests.e2e.conftest import DEADLINE_S, wait_until


def copy_of(lab: Lab) -> Path:
    """A copy of the database as the daily one is made."""
    copy = lab.base / "copy.db"
    uri = f"file:{lab.home}/tuned.db?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as source, contextlib.closing(sqlite3.connect(copy)) as new:
        source.backup(new)
    return copy


def restore(lab: Lab, copy: Path) -> None:
    """Put a copy in the place of the database of a daemon that was killed."""
    for name in ("tuned.db", "tuned.db-wal", "tuned.db-shm"):
        (lab.home / name).unlink(missing_ok=True)
    shutil.copyfile(copy, lab.home / "tuned.db")
    lab.invariants = Invariants(lab.home, lab.journal)  # the numbers of events begin anew from the copy's


def shown(trials: list[Any]) -> list[dict[str, Any]]:
    fields = (
        "number",
        "state",
        "params",
        "values",
        "attempt",
        "seed",
        "origin",
        "why",
        "stage",
        "failure",
    )
    return [{field: trial[field] for field in fields} for trial in trials]


def test_trials_newer_than_the_copy_are_met_and_not_run_again(lab: Lab) -> None:
    lab.start()
    before = lab.submit(hold=True, search={"method": "sobol", "trials": 3})
    for number in (1, 2, 3):
        lab.daemon.wait_state(before, number, "running")
    later = lab.submit(hold=True, search={"method": "sobol", "trials": 4, "parallel": 2})
    wait_until(lambda: len(lab.daemon.trials(later)) >= 3, "the first of them are queued")
    copy = copy_of(lab)
    # After the copy: trials end, others begin, one is paused and goes on, a study is submitted.
    lab.daemon.post("/v1/pause", {"targets": [f"{before}/1"], "level": "restart"})
    lab.daemon.wait_state(before, 1, "paused")
    lab.daemon.post("/v1/resume", {"targets": [f"{before}/1"]})
    lab.release(before)
    lab.wait_at_rest(before)
    for number in (1, 2):
        lab.daemon.wait_state(later, number, "running")
    newest = lab.submit(hold=True, search={"method": "sobol", "trials": 1})
    lab.daemon.wait_state(newest, 1, "running")
    wait_until((lab.home / "runs" / newest / "study.json").exists, "it has its record")
    known = {name: shown(lab.daemon.trials(name)) for name in (before, later, newest)}
    alive = {process.pid for process in lab.of_kind("supervisor", "trial")}

    lab.kill("daemon")
    restore(lab, copy)
    lab.restart()
    assert {process.pid for process in lab.of_kind("supervisor", "trial")} == alive
    notes = " ".join(lab.daemon.get("/v1/status")["notes"])
    assert all(f"{name}: " in notes for name in (before, later, newest)), notes
    for name in (later, newest):
        wait_until(lambda name=name: lab.daemon.trials(name)[0]["state"] == "running", "they are adopted")
    assert shown(lab.daemon.trials(before)) == known[before]
    (found,) = shown(lab.daemon.trials(newest))
    assert {**found, "values": {}} == {**known[newest][0], "values": {}}
    assert [t for t in shown(lab.daemon.trials(later)) if t["state"] == "running"] == [
        t for t in known[later] if t["state"] == "running"
    ]
    for name in (later, newest):
        lab.release(name)
    lab.wait_at_rest(later, newest)
    assert {t["state"] for t in lab.daemon.trials(later)} == {"completed"}
    assert [t["attempt"] for t in lab.daemon.trials(later)] == [1, 1, 1, 1]
    words = lab.journal.read_text().split()
    assert "overlap" not in words
    lab.invariants.check(at_rest=True)


def test_a_database_that_was_removed_is_not_begun_anew_unsaid(lab: Lab) -> None:
    lab.start()
    name = lab.submit(hold=True, search={"method": "sobol", "trials": 2})
    for number in (1, 2):
        lab.daemon.wait_state(name, number, "running")
    alive = {process.pid for process in lab.of_kind("supervisor", "trial")}
    lab.kill("daemon")
    kept = lab.base / "kept.db"
    for ending in ("-wal", "-shm", ""):
        shutil.move(f"{lab.home}/tuned.db{ending}", f"{kept}{ending}")
    lab.launch()
    assert lab.daemon.process is not None
    assert lab.daemon.process.wait(DEADLINE_S) == 1
    said = lab.daemon.log().splitlines()[-1]
    assert "the database is empty" in said, said
    assert name in said
    assert "tunectl daemon recover" in said
    assert {process.pid for process in lab.of_kind("supervisor", "trial")} == alive
    for ending in ("-wal", "-shm", ""):
        (lab.home / f"tuned.db{ending}").unlink(missing_ok=True)
        shutil.move(f"{kept}{ending}", f"{lab.home}/tuned.db{ending}")
    lab.restart()
    lab.release(name)
    lab.wait_at_rest(name)
    assert [t["attempt"] for t in lab.daemon.trials(name)] == [1, 1]
    lab.invariants.check(at_rest=True)


def test_what_cannot_be_followed_is_ended_and_its_number_not_given_again(lab: Lab) -> None:
    lab.start()
    name = lab.submit(hold=True, search={"method": "sobol", "trials": 1})
    copy = lab.base / "copy.db"
    lab.daemon.wait_state(name, 1, "running")
    lab.daemon.post("/v1/pause", {"targets": [f"{name}/1"], "level": "restart"})
    lab.daemon.wait_state(name, 1, "paused")
    copy = copy_of(lab)
    lab.daemon.post("/v1/resume", {"targets": [f"{name}/1"]})
    lab.daemon.wait_state(name, 1, "running")
    second = lab.home / "runs" / name / "1" / "2"
    wait_until((second / "start.json").exists, "it has begun")
    lab.kill("daemon")
    (second / "spec.json").write_text("{")
    restore(lab, copy)
    lab.restart()
    wait_until(lambda: not lab.of_kind("supervisor", "trial"), "it is ended")
    assert str(second) in " ".join(lab.daemon.get("/v1/status")["notes"])
    lab.release(name)
    lab.daemon.post("/v1/resume", {"targets": [f"{name}/1"]})
    assert lab.daemon.wait_state(name, 1, "completed")["attempt"] == 3
    assert (second / "start.json").exists()
    assert "overlap" not in lab.journal.read_text().split()


def test_a_study_that_took_a_deleted_ones_name_after_the_copy(lab: Lab) -> None:
    lab.start()
    name = lab.submit("same", search={"method": "sobol", "trials": 2})
    lab.wait_at_rest(name)
    copy = copy_of(lab)
    lab.daemon.delete(f"/v1/studies/{name}")
    lab.submit("same", search={"method": "sobol", "trials": 3, "seed": 7})
    lab.wait_at_rest(name)
    wait_until((lab.home / "runs" / name / "study.json").exists, "it has its record")
    known = shown(lab.daemon.trials(name))
    lab.kill("daemon")
    restore(lab, copy)
    lab.restart()
    assert shown(lab.daemon.trials(name)) == known
    lab.invariants.check(at_rest=True)
