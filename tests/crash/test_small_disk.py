"""A disk that is really full, while trials report, print and end: nothing of it is lost, or what is lost is marked."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.crash.lab import Lab
from tests.e2e.conftest import wait_until

DISK_BYTES = 24 * 2**20

TRAIN = """
import os, pathlib, sys, time
import tuned

trial = tuned.current_trial()
how, base = trial.params["how"], pathlib.Path(os.environ["BASE"])
print("begin", flush=True)
(base / f"{how}.ready").touch()
while not (base / "full").exists():
    time.sleep(0.01)
for step in range(400):
    loss = 10.0 if step != 200 else 1.0  # the best one comes while there is no room
    if how in ("patterns", "talks"):
        print(f"step {step} loss={loss}", flush=True)
    else:
        trial.report(step=step, loss=loss)
    if how == "talks":
        print("x" * 10_000, flush=True)
(base / f"{how}.done").touch()
while how not in ("leaves", "talks_and_leaves") and not (base / "freed").exists():
    time.sleep(0.01)
if how == "waits":
    time.sleep(1.5)
print("end", flush=True)
if how in ("leaves", "waits"):
    os._exit(0)
"""


@pytest.fixture
def small(scratch: Callable[[], Path], tmp_path: Path) -> Iterator[Lab]:
    """A lab whose state folder has a small disk of its own; scripts and witnesses lie elsewhere."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    lab = Lab(scratch(), slots=3)
    lab.home.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "none", str(lab.home)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a file system")
    os.environ["TUNED_DISK_FLOOR"] = "1"
    try:
        lab.daemon.start(TUNED_DISK_FLOOR="1")
        yield lab
    finally:
        del os.environ["TUNED_DISK_FLOOR"]
        lab.close()
        subprocess.run(["umount", "-l", str(lab.home)], check=True)


@contextlib.contextmanager
def full_disk(lab: Lab) -> Iterator[None]:
    """Not one block is free."""
    filler = lab.home / "filler"
    with filler.open("wb") as file, contextlib.suppress(OSError):
        while True:
            os.write(file.fileno(), b"x" * 65536)
    with filler.open("ab") as file, contextlib.suppress(OSError):
        while True:
            os.write(file.fileno(), b"x")
    try:
        yield
    finally:
        filler.unlink()


def run(lab: Lab, hows: list[str]) -> Any:
    """Run a trial of each kind through a time without room; the rows and observations."""
    (lab.base / "small.py").write_text(TRAIN)
    name = lab.submit(
        run={"script": "small.py", "preload": [], "env": {"BASE": str(lab.base)}, "retries": {"lost": 0, "error": 0}},
        metrics={"patterns": [r"step (?P<step>\d+) loss=(?P<loss>\S+)"]},
        space={"how": hows},
        search={"method": "grid", "parallel": len(hows)},
    )
    wait_until(lambda: len(list(lab.base.glob("*.ready"))) == len(hows), "they run")
    wait_until(lambda: lab.daemon.study(name)["counts"] == {"running": len(hows)}, "it is known")
    logs = list(lab.home.glob(f"runs/{name}/*/1/output.log"))
    wait_until(lambda: all(log.read_text().startswith("begin") for log in logs), "their first line is written")
    with full_disk(lab):
        (lab.base / "full").touch()
        wait_until(lambda: len(list(lab.base.glob("*.done"))) == len(hows), f"printing goes on: {lab.daemon.log()}")
    (lab.base / "freed").touch()
    lab.wait_at_rest(name)
    return name, {trial["params"]["how"]: trial for trial in lab.daemon.trials(name)}


def test_what_was_reported_without_room_is_written_later_or_known_to_be_missing(small: Lab) -> None:
    name, trials = run(small, ["patterns", "waits", "leaves"])
    for how in ("patterns", "waits"):
        trial = trials[how]
        assert (trial["state"], trial["values"], trial["stopped_by"]) == ("completed", {"loss": 1.0}, ""), how
        rows = small.daemon.get("/v1/metrics", target=f"{name}/{trial['number']}", name="loss")
        assert [row["step"] for row in rows] == list(range(400))
    # Its process ended by itself before there was room: what is missing cannot be had, and the trial says so.
    left = trials["leaves"]
    if left["state"] == "completed":
        assert left["stopped_by"] == "disk"
    else:
        assert left["failure"] == "lost"
    assert "the disk was full" in left["reason"]
    assert small.daemon.study(name)["best"]["number"] != left["number"]
    assert small.daemon.get(f"/v1/studies/{name}/best")[0]["number"] != left["number"]


def test_printing_never_ends_a_trial_and_the_log_says_what_is_missing(small: Lab) -> None:
    name, trials = run(small, ["talks"])
    assert (trials["talks"]["state"], trials["talks"]["values"]) == ("completed", {"loss": 1.0})
    rows = small.daemon.get("/v1/metrics", target=f"{name}/1", name="loss")
    assert [row["step"] for row in rows] == list(range(400))
    log = small.daemon.get(f"/v1/studies/{name}/trials/1/log", limit=4_000_000)["text"]
    assert log.startswith("begin\n") and log.endswith("\nend\n")
    assert "bytes of output are missing here: No space left on device" in log
    assert "step 399 loss=10.0" in log


def test_an_end_that_the_run_directory_does_not_take_is_told_another_way(lab: Lab) -> None:
    lab.start()
    name = lab.submit(hold=True, search={"method": "sobol", "trials": 1})
    lab.daemon.wait_state(name, 1, "running")
    in_the_way = lab.home / "runs" / name / "1" / "1" / "exit.json"
    (in_the_way / "file").mkdir(parents=True)
    lab.kill("daemon")
    lab.release(name)
    wait_until(lambda: list((lab.home / "exits").glob("*.json")), "the end is written elsewhere")
    assert not lab.of_kind("supervisor")
    lab.restart()
    lab.wait_at_rest(name)
    trial = lab.daemon.trials(name)[0]
    assert (trial["state"], trial["attempt"]) == ("completed", 1)
    (kept,) = (lab.home / "exits").glob("*.json")  # whoever reads the run directory back needs it
    shutil.rmtree(in_the_way)
    lab.kill("daemon")
    lab.restart()
    wait_until(lambda: not kept.exists(), "what its run directory has is not kept twice")
    assert in_the_way.is_file()


def test_an_end_that_neither_place_takes_waits_for_one(lab: Lab) -> None:
    lab.start()
    name = lab.submit(hold=True, search={"method": "sobol", "trials": 1})
    lab.daemon.wait_state(name, 1, "running")
    (lab.home / "runs" / name / "1" / "1" / "exit.json" / "file").mkdir(parents=True)
    exits = lab.home / "exits"
    exits.rename(lab.home / "aside")
    exits.touch()
    lab.kill("daemon")
    lab.release(name)
    wait_until(lambda: not lab.of_kind("trial"), "it ends")
    time.sleep(1.5)  # more than one try
    assert lab.of_kind("supervisor")
    exits.unlink()
    (lab.home / "aside").rename(exits)
    wait_until(lambda: list(exits.glob("*.json")), "the end is written")
    lab.restart()
    lab.wait_at_rest(name)
    trial = lab.daemon.trials(name)[0]
    assert (trial["state"], trial["attempt"]) == ("completed", 1)


LIVELY = """
import os, pathlib, sys, time
print("begin", flush=True)
while not pathlib.Path("go").exists():
    time.sleep(0.01)
for i in range(5000):
    print(f"{i} " + "x" * 90, flush=True)
pathlib.Path("printed").touch()
import tuned
tuned.current_trial().report(loss=1.0)
sys.stdout.write("last loss=0.5")
"""


def test_a_supervisor_that_stands_still_holds_no_training_up(lab: Lab) -> None:
    (lab.base / "lively.py").write_text(LIVELY)
    lab.start()
    name = lab.submit(
        run={"script": "lively.py", "args": ["{params}"], "preload": []},
        metrics={"patterns": [r"last loss=(?P<loss>\S+)"]},
        space={"x": {"type": "fixed", "value": 1}, "y": [1]},
        search={"method": "grid"},
    )
    lab.daemon.wait_state(name, 1, "running")
    wait_until(lambda: len(lab.of_kind("supervisor")) == 1, "the forked trial has a title of its own")
    (supervisor,) = lab.of_kind("supervisor")
    os.kill(supervisor.pid, signal.SIGSTOP)
    (lab.base / "go").touch()
    wait_until((lab.base / "printed").exists, "half a mebibyte is printed while nobody reads")
    os.kill(supervisor.pid, signal.SIGCONT)
    lab.wait_at_rest(name)
    trial = lab.daemon.trials(name)[0]
    # The last line has no newline, and the exit was clean.
    assert (trial["state"], trial["values"]) == ("completed", {"loss": 0.5})
    log = lab.daemon.get(f"/v1/studies/{name}/trials/1/log", limit=4_000_000)["text"]
    assert [int(line.split()[0]) for line in log.splitlines()[1:-1]] == list(range(5000))


def test_a_rebuild_without_room_leaves_the_database_as_it_was(small: Lab) -> None:
    name = small.submit(search={"method": "sobol", "trials": 3})
    small.wait_at_rest(name)
    rows = small.daemon.trials(name)
    small.daemon.stop()
    before = (small.home / "tuned.db").read_bytes()
    command = [sys.executable, "-I", "-m", "tuned.daemon", "rebuild", "--home", str(small.home)]
    with full_disk(small):
        done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "the disk is full (free some space" in done.stderr
    assert {path.name for path in small.home.glob("tuned.db*")} <= {"tuned.db", "tuned.db-wal", "tuned.db-shm"}
    assert (small.home / "tuned.db").read_bytes() == before
    small.launch()
    small.wait_answering()
    assert small.daemon.trials(name) == rows
