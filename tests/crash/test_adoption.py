"""Trials outlive the daemon: they are adopted by its successor, and what is wrong with one of them harms no other."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.crash import processes
from tests.crash.lab import Lab
from tests.e2e.conftest import wait_until

RUNNING = 20


@pytest.fixture
def many(scratch: Callable[[], Path]) -> Iterator[tuple[Lab, str]]:
    """A lab in which so many trials run and are held."""
    lab = Lab(scratch(), slots=RUNNING)
    lab.start()
    search = {"method": "sobol", "trials": RUNNING, "parallel": RUNNING, "seed": 3}
    name = lab.submit(hold=True, search=search)
    wait_until(lambda: all_report(lab, name, RUNNING), f"all run: {lab.daemon.log()[-2000:]}")
    yield lab, name
    lab.close()


def all_report(lab: Lab, name: str, count: int) -> bool:
    counts = lab.daemon.study(name)["counts"]
    return counts.get("running") == count and all(t["last_step"] is not None for t in lab.daemon.trials(name))


def run_dir(lab: Lab, name: str, number: int) -> Path:
    return lab.home / "runs" / name / str(number) / "1"


def end_supervisor(lab: Lab, folder: Path) -> None:
    for process in lab.of_kind("supervisor"):
        if process.run_dir == folder:
            process.kill()
    wait_until(lambda: all(p.run_dir != folder for p in processes.of_home(lab.home)), "its processes are gone")


def test_many_trials_are_adopted_and_end_well(many: tuple[Lab, str]) -> None:
    lab, name = many
    before = {p.pid for p in lab.of_kind("supervisor", "trial")}
    lab.kill("daemon")
    for number in range(1, RUNNING + 1):
        with (run_dir(lab, name, number) / "metrics.jsonl").open("ab") as file:
            file.write(b'{"step": 0, "meanwhile": 1}\n')
    lab.restart()
    held = {device["id"]: device["held_by"] for device in lab.daemon.get("/v1/status")["devices"]}
    assert held == {trial["device"]: f"{name}/{trial['number']}" for trial in lab.daemon.trials(name)}
    wait_until(lambda: len(lab.daemon.get("/v1/metrics", target=name, name="meanwhile")) == RUNNING, "all are read")
    assert {p.pid for p in lab.of_kind("supervisor", "trial")} == before
    # An adopted trial can be told to stop.
    lab.daemon.post("/v1/pause", {"targets": [f"{name}/3", f"{name}/4"], "level": "restart"})
    for number in (3, 4):
        lab.daemon.wait_state(name, number, "paused")
    lab.daemon.post("/v1/resume", {"targets": [f"{name}/3", f"{name}/4"]})
    lab.release(name)
    lab.wait_at_rest(name)
    attempts = {t["number"]: t["attempt"] for t in lab.daemon.trials(name)}
    assert attempts == {n: 2 if n in (3, 4) else 1 for n in range(1, RUNNING + 1)}
    assert lab.daemon.study(name)["counts"] == {"completed": RUNNING}
    lab.invariants.check(at_rest=True)


Damage = Callable[[Lab, Path], None]


def garbage_start(lab: Lab, folder: Path) -> None:
    (folder / "start.json").write_bytes(b"\0\0garbage")


def newer_start(lab: Lab, folder: Path) -> None:
    start = json.loads((folder / "start.json").read_bytes())
    (folder / "start.json").write_text(json.dumps({**start, "protocol": 99}))


def start_of_another(lab: Lab, folder: Path) -> None:
    start = json.loads((folder / "start.json").read_bytes())
    (folder / "start.json").write_text(json.dumps({**start, "attempt_id": "f00"}))


def garbage_exit_of_a_living(lab: Lab, folder: Path) -> None:
    (folder / "exit.json").write_bytes(b"{")


def garbage_exit_of_a_dead(lab: Lab, folder: Path) -> None:
    end_supervisor(lab, folder)
    (folder / "exit.json").write_bytes(b'{"protocol": 1, "code": "zero"}')


def exit_of_another(lab: Lab, folder: Path) -> None:
    end_supervisor(lab, folder)
    (folder / "exit.json").write_text(json.dumps({"protocol": 1, "attempt_id": "f00", "code": 0}))


def no_metrics(lab: Lab, folder: Path) -> None:
    (folder / "metrics.jsonl").unlink()


def metrics_are_a_folder(lab: Lab, folder: Path) -> None:
    (folder / "metrics.jsonl").unlink()
    (folder / "metrics.jsonl").mkdir()


def no_folder_of_a_living(lab: Lab, folder: Path) -> None:
    folder.rename(lab.base / "moved away")


def no_folder_of_a_dead(lab: Lab, folder: Path) -> None:
    end_supervisor(lab, folder)
    folder.rename(lab.base / "moved away too")


def a_file_in_its_place(lab: Lab, folder: Path) -> None:
    end_supervisor(lab, folder)
    folder.rename(lab.base / "moved away as well")
    folder.write_text("not a folder")


def a_recycled_pid(lab: Lab, folder: Path) -> None:
    end_supervisor(lab, folder)
    start = json.loads((folder / "start.json").read_bytes())
    (folder / "start.json").write_text(json.dumps({**start, "supervisor_pid": os.getpid(), "pid": os.getpid()}))


def of_an_earlier_boot(lab: Lab, folder: Path) -> None:
    end_supervisor(lab, folder)
    start = json.loads((folder / "start.json").read_bytes())
    me = os.getpid()
    mine = int(Path(f"/proc/{me}/stat").read_bytes().rpartition(b")")[2].split()[19])
    changed = {"boot_id": "another", "supervisor_pid": me, "supervisor_start": mine, "pid": me, "pgid": me}
    (folder / "start.json").write_text(json.dumps({**start, **changed}))


DAMAGES: list[tuple[Damage, int]] = [
    (garbage_start, 1),
    (newer_start, 1),
    (start_of_another, 1),
    (garbage_exit_of_a_living, 1),
    (garbage_exit_of_a_dead, 2),
    (exit_of_another, 2),
    (no_metrics, 1),
    (metrics_are_a_folder, 1),
    (no_folder_of_a_living, 2),
    (no_folder_of_a_dead, 2),
    (a_file_in_its_place, 2),
    (a_recycled_pid, 2),
    (of_an_earlier_boot, 2),
]
"""What is done to one directory while no daemon runs, and the attempt in which its trial ends."""


def test_one_bad_directory_harms_no_other(many: tuple[Lab, str]) -> None:
    lab, name = many
    lab.kill("daemon")
    for number, (damage, _) in enumerate(DAMAGES, 1):
        damage(lab, run_dir(lab, name, number))
    lab.restart()
    sound = range(len(DAMAGES) + 1, RUNNING + 1)
    pids = {p.run_dir: p.pid for p in lab.of_kind("supervisor")}
    for number in sound:
        with (run_dir(lab, name, number) / "metrics.jsonl").open("ab") as file:
            file.write(b'{"step": 0, "meanwhile": 1}\n')
    wait_until(lambda: len(lab.daemon.get("/v1/metrics", target=name, name="meanwhile")) == len(sound), "all are read")
    assert all(run_dir(lab, name, number) in pids for number in sound)
    lab.release(name)
    lab.wait_at_rest(name)
    trials: list[Any] = lab.daemon.trials(name)
    ended = {t["number"]: t["attempt"] for t in trials if t["number"] <= len(DAMAGES)}
    assert ended == {number: attempt for number, (_, attempt) in enumerate(DAMAGES, 1)}
    assert all(t["attempt"] == 1 for t in trials if t["number"] in sound)
    metrics_gone = {7, 8}
    states = {t["number"]: t["state"] for t in trials}
    assert {n for n, state in states.items() if state != "completed"} <= metrics_gone
    words = (lab.base / "journal").read_text().split()
    assert "overlap" not in words
    assert len(set(words[1::3])) == words.count("begin")


def test_a_frozen_trial_is_adopted(lab: Lab) -> None:
    """A process that does not react is alive all the same: no timer decides otherwise."""
    lab.start()
    name = lab.submit(hold=True, search={"method": "sobol", "trials": 1})
    lab.daemon.wait_state(name, 1, "running")
    frozen = lab.of_kind("supervisor", "trial")
    for process in frozen:
        os.kill(process.pid, signal.SIGSTOP)
    lab.kill("daemon")
    lab.restart()
    wait_until(lambda: "adopting 1 attempts" in lab.daemon.log(), "it is adopted")
    assert lab.daemon.trials(name)[0]["state"] == "running"
    for process in frozen:
        os.kill(process.pid, signal.SIGCONT)
    lab.release(name)
    lab.wait_at_rest(name)
    assert lab.daemon.trials(name)[0]["attempt"] == 1
    lab.invariants.check(at_rest=True)


STRAY = """
import subprocess, sys, time
import tuned

asleep = [sys.executable, "-c", "import time; time.sleep(600)"]
subprocess.Popen(asleep, start_new_session=True)
tuned.current_trial().report(step=0, loss=1.0)
time.sleep(600)
"""


@pytest.mark.parametrize("daemon", ["lives", "is killed"])
def test_what_left_the_trials_group_ends_when_its_supervisor_is_killed(lab: Lab, daemon: str) -> None:
    """Nobody is told of the end of such a process: it is found by what stands in its environment."""
    lab.start()
    (lab.base / "stray.py").write_text(STRAY)
    run = {"script": "stray.py", "preload": [], "retries": {"lost": 0}}
    name = lab.submit(run=run, search={"method": "sobol", "trials": 1})
    wait_until(lambda: lab.daemon.trials(name)[0]["last_step"] is not None, "it runs")
    own = lab.of_kind("trial")
    assert len(own) == 2
    lab.kill("supervisor", *(["daemon"] if daemon == "is killed" else []))
    if daemon == "is killed":
        lab.restart()
    lab.daemon.wait_state(name, 1, "lost")
    wait_until(lambda: not any(process.alive for process in own), "both are gone")
