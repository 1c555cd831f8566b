"""State folders of released versions, with trials under way, opened by this one."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import sys
import tarfile
from pathlib import Path

import pytest

from storage.models import SCHEMA_VERSION
from tests.crash.invariants import Invariants
from tests.crash.keep_home import PLACE, VENV
from tests.crash.lab import Lab
from tests.e2e.conftest import wait_until
from tests.integration.launch_driver import Launcher

HOMES = Path(__file__).parent / "homes"
IN_ROWS = (("study_specs", "spec"), ("study_specs", "submitted"), ("attempts", "run_dir"))


def unpack(version: int, lab: Lab) -> None:
    """Put the folder in the place of the lab's, with paths that lead there."""
    words = {str(VENV / "bin" / "python"): sys.executable, str(PLACE): str(lab.home.parent)}
    shutil.rmtree(lab.base)
    with tarfile.open(HOMES / f"schema-{version}.tar.gz") as archive:
        archive.extractall(lab.home.parent, filter="data")
    lab.journal.unlink()  # the first attempt begins once more, here
    for path in lab.home.rglob("*.json"):
        text = path.read_text()
        for before, after in words.items():
            text = text.replace(before, after)
        path.write_text(text)
    with contextlib.closing(sqlite3.connect(lab.home / "tuned.db")) as conn:
        for table, column in IN_ROWS:
            for before, after in words.items():
                conn.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (before, after))
        conn.commit()


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_trials_of_a_released_version_go_on(lab: Lab, version: int) -> None:
    unpack(version, lab)
    (bundle,) = (lab.home / "bundles").iterdir()
    first = lab.home / "runs" / "live" / "1" / "1"
    for name in ("start.json", "lock"):
        (first / name).unlink()
    launcher = Launcher(lab.base, bundle=str(bundle))
    try:
        # Supervisor, launcher and SDK of that version; of the second trial nothing is left.
        supervisor = launcher.ask(launch=str(first))["pid"]
        wait_until((first / "start.json").exists, "it has begun")
        lab.start()
        assert {p.pid for p in lab.of_kind("supervisor") if p.run_dir == first} == {supervisor}
        lab.daemon.wait_state("live", 2, "running")
        lab.release("live")
        lab.wait_at_rest("live")
    finally:
        launcher.close()
    found = {name: lab.daemon.trials(name) for name in ("done", "failing", "live")}
    assert [(t["state"], t["attempt"]) for t in found["live"]] == [("completed", 1), ("completed", 2), ("completed", 1)]
    assert [(t["state"], t["attempt"]) for t in found["done"]] == [("completed", 1)] * 3
    assert [(t["state"], t["attempt"]) for t in found["failing"]] == [("failed", 2)]
    assert "in vain" in lab.daemon.get("/v1/studies/failing/trials/1/log")["text"]
    for name, trials in found.items():
        record = json.loads((lab.home / "runs" / name / "study.json").read_text())
        assert record["spec"]["name"] == name
        detail = lab.daemon.get(f"/v1/studies/{name}/trials/1")
        assert Path(detail["run_dir"]) == lab.home / "runs" / name / "1" / str(trials[0]["attempt"])
    lab.invariants = Invariants(lab.home, lab.journal)
    lab.invariants.check(at_rest=True)


def test_each_released_version_has_its_folder_here() -> None:
    assert sorted(p.name for p in HOMES.iterdir()) == [f"schema-{n}.tar.gz" for n in range(1, SCHEMA_VERSION)]
