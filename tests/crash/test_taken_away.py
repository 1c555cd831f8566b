"""The state folder, its database or its lock removed, moved or replaced under a daemon that runs.

Nothing is acknowledged that would not be found again, trials run on, and what was acknowledged before can be had back.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash.invariants import Invariants
from tests.crash.lab import Lab
from tests.crash.test_restored_copy import copy_of
from tests.e2e.conftest import DEADLINE_S, DaemonProcess, Refusal, call, wait_until


def removed(lab: Lab, copy: Path) -> None:
    for path in lab.home.glob("tuned.db*"):
        path.unlink()


def replaced(lab: Lab, copy: Path) -> None:
    shutil.move(lab.home / "tuned.db", lab.base / "moved.db")
    shutil.copyfile(copy, lab.home / "tuned.db")


def written_over(lab: Lab, copy: Path) -> None:
    shutil.copyfile(copy, lab.home / "tuned.db")


def started(lab: Lab) -> subprocess.CompletedProcess[str]:
    """`tunectl daemon start`, which finds one."""
    command = [sys.executable, "-I", "-m", "tuned.cli", "daemon", "start"]
    env = {**os.environ, "TUNED_HOME": str(lab.home)}
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=DEADLINE_S, check=True)


@pytest.mark.parametrize("harm", [removed, replaced, written_over])
def test_the_database(lab: Lab, harm: Callable[[Lab, Path], None]) -> None:
    lab.start()
    early = lab.submit(search={"method": "sobol", "trials": 1})
    lab.wait_at_rest(early)
    copy = copy_of(lab)
    name = lab.submit(hold=True, search={"method": "sobol", "trials": 2})
    for number in (1, 2):
        lab.daemon.wait_state(name, number, "running")
    alive = {process.pid for process in lab.of_kind("supervisor", "trial")}
    harm(lab, copy)
    with pytest.raises(Refusal, match="nothing is taken in any more") as refusal:
        lab.daemon.post(f"/v1/studies/{name}/enqueue", {"points": [{"x": 2.5}]})
    assert refusal.value.status == 503
    with pytest.raises(Refusal, match="nothing is taken in any more"):
        lab.daemon.get("/v1/studies")
    status = lab.daemon.get("/v1/status")
    (note, *_) = status["notes"]
    assert "nothing is taken in any more" in note
    assert (status["studies"], status["queued"], status["running"]) == (None, None, 2), "no number that is not known"
    rescued = list(lab.home.glob("tuned.db.rescued-*"))
    assert len(rescued) == 1
    assert f"replaced while the daemon ran, so nothing is taken in any more; what it held is in {rescued[0]}" in note
    assert f"mv {rescued[0]} {lab.home}/tuned.db" in note
    assert {process.pid for process in lab.of_kind("supervisor", "trial")} == alive
    assert "nothing is taken in any more" in started(lab).stderr
    lab.daemon.until(lambda: "notices failed: " in lab.daemon.log(), "the notices' turn")
    told = lab.daemon.get("/v1/status")
    assert told["failures"]["notices"] and len([text for text in told["notes"] if "taken in" in text]) == 1
    assert "Traceback" not in lab.daemon.log()
    lab.daemon.stop()
    if harm is written_over:  # nothing of ours went into what was put there
        assert (lab.home / "tuned.db").read_bytes() == copy.read_bytes()
    rescued[0].rename(lab.home / "tuned.db")
    lab.invariants = Invariants(lab.home, lab.journal)
    lab.start()
    assert {process.pid for process in lab.of_kind("supervisor", "trial")} == alive
    lab.release(name)
    lab.wait_at_rest(name)
    assert [(t["state"], t["attempt"]) for t in lab.daemon.trials(name)] == [("completed", 1)] * 2
    assert [t["state"] for t in lab.daemon.trials(early)] == ["completed"]
    assert "overlap" not in lab.journal.read_text().split()
    lab.invariants.check(at_rest=True)


def test_the_folder_is_moved(lab: Lab) -> None:
    lab.start()
    name = lab.submit(search={"method": "sobol", "trials": 1})
    lab.wait_at_rest(name)
    before, place = lab.daemon.socket, lab.home.rename(lab.home.with_name("elsewhere"))
    with pytest.raises(Refusal, match=f"moved to {place}") as refusal:
        call(f"{place}/tuned.sock", "POST", f"/v1/studies/{name}/enqueue", {"points": [{"x": 2.5}]})
    assert refusal.value.problem["hint"] == f"tunectl daemon stop; then work with TUNED_HOME={place}"
    second = DaemonProcess(place)
    second.spawn()
    assert second.process is not None
    assert second.process.wait(DEADLINE_S) == 1
    assert "a daemon runs here already" in second.log()
    lab.daemon.stop()
    assert not Path(before).exists()
    moved = DaemonProcess(place).start()
    try:
        assert [t["state"] for t in moved.trials(name)] == ["completed"]
        assert moved.get(f"/v1/studies/{name}/trials/1/log")["ended"]
    finally:
        moved.end_everything()


def test_the_folder_is_removed(lab: Lab) -> None:
    lab.start()
    name = lab.submit(search={"method": "sobol", "trials": 1})
    lab.wait_at_rest(name)
    gone = lab.home.rename(lab.home.with_name("gone"))
    shutil.rmtree(gone)

    def rescued() -> list[Path]:
        found = list(lab.home.parent.glob("home-tuned.db.rescued-*"))
        return found if len(found) == 1 else []  # while it is written, a journal lies beside it

    (saved,) = wait_until(rescued, "it is saved")
    lab.daemon.kill()
    lab.home.mkdir(exist_ok=True)
    shutil.move(saved, lab.home / "tuned.db")
    lab.start()
    assert [t["state"] for t in lab.daemon.trials(name)] == ["completed"]


def test_the_lock_is_removed(lab: Lab) -> None:
    lab.start()
    lock = lab.home / "daemon.lock"
    lock.unlink()
    second = DaemonProcess(lab.home)
    done = subprocess.run(
        [sys.executable, "-I", "-m", "tuned.daemon", "run", "--home", str(lab.home)],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 1
    assert "a daemon runs here already" in done.stderr
    assert second.get("/v1/status")["pid"] == lab.daemon.process.pid
    wait_until(lambda: lock.exists() and lock.read_text().strip(), "it is made anew")
    assert json.loads(lock.read_text()) == lab.daemon.process.pid


def test_a_folder_in_the_place_of_the_lock_is_named(lab: Lab) -> None:
    lab.start()
    lock = lab.home / "daemon.lock"
    lock.unlink()
    lock.mkdir()
    lab.daemon.until(lambda: f"{lock} cannot be made anew" in lab.daemon.log(), "it is seen")
    assert lab.daemon.get("/v1/studies") == []
    lab.daemon.stop()
    lab.daemon.spawn()
    assert lab.daemon.process is not None
    assert lab.daemon.process.wait(DEADLINE_S) == 1
    assert "Is a directory (it is no file of tuned's: move it away)" in lab.daemon.log()
    lock.rename(lock.with_name("moved"))
    lab.start()
