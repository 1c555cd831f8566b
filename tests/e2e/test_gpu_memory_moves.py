"""`pause --level cuda`: GPU memory is moved away before a trial stands still, and back before it goes on."""

from __future__ import annotations

import json
import os
import signal
import textwrap
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.gpus.standin import GIB, Cards
from tests.gpus.studies import CARDS, SCRIPT, STUDY
from tests.patience import DEADLINE_S

if TYPE_CHECKING:
    from conftest import DaemonProcess

pytestmark = pytest.mark.e2e


TOOL = """#!/bin/sh
# Stands for cuda-checkpoint: says what it was asked, in which state the process is, and fails when told to.
echo "$* $(cut -d' ' -f3 /proc/$3/stat)" >> "{log}"
test ! -e "{fails}"
"""


def test_gpu_memory_is_moved_away_before_a_trial_stands_still(daemon: DaemonProcess, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(textwrap.dedent(SCRIPT))
    log, fails, tool = (tmp_path / name for name in ("log", "fails", "tool"))
    cards = Cards(tmp_path / "cards", *CARDS[:1])
    tool.write_text(TOOL.format(log=log, fails=fails))
    tool.chmod(0o755)
    daemon.start(**cards.environment, TUNED_CUDA_CHECKPOINT=str(tool))
    daemon.submit({**STUDY, "search": {"method": "sobol", "trials": 1}}, tmp_path)
    daemon.wait_state("gpus", 1, "running")
    start = json.loads((daemon.home / "runs/gpus/1/1/start.json").read_text())
    pid = start["pid"]
    cards.set(0, processes={pid: GIB, 1: 2**20})
    fails.touch()
    with pytest.raises(Exception, match="could not move its GPU memory"):
        daemon.post("/v1/pause", {"targets": ["gpus/1"], "level": "cuda"})
    assert not daemon.trials("gpus")[0]["frozen"]
    fails.unlink()
    log.unlink()
    said = daemon.post("/v1/pause", {"targets": ["gpus/1"], "level": "cuda"})
    assert "its GPU memory moved to main memory" in said["effects"][0]

    def state() -> str:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]

    daemon.until(lambda: state() == "T", "it does not stand still")
    ((asked, before),) = [line.rsplit(" ", 1) for line in log.read_text().splitlines()]
    assert asked == f"--toggle --pid {pid}" and before in "RSD"
    os.kill(start["supervisor_pid"], signal.SIGSTOP)  # it takes its time to thaw the trial, and the tool waits for that
    daemon.post("/v1/resume", {"targets": ["gpus/1"]})
    assert [line.rsplit(" ", 1)[0] for line in log.read_text().splitlines()] == [asked, asked]
    assert "T" not in [line.rsplit(" ", 1)[1] for line in log.read_text().splitlines()]
    daemon.until(lambda: state() != "T", "it does not go on")
    (tmp_path / "go").touch()
    daemon.wait_ended("gpus")


SLOW_TOOL = """#!/bin/sh
# Stands for cuda-checkpoint where it takes long: until a file says that it may end.
echo "begin $*" >> "{log}"
while [ ! -e "{goes}" ]; do sleep 0.02; done
echo "end $*" >> "{log}"
"""


def test_a_resume_that_overtakes_a_slow_move_of_gpu_memory_is_what_holds(daemon: DaemonProcess, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(textwrap.dedent(SCRIPT))
    log, goes, tool = (tmp_path / name for name in ("log", "goes", "tool"))
    cards = Cards(tmp_path / "cards", *CARDS[:1])
    tool.write_text(SLOW_TOOL.format(log=log, goes=goes))
    tool.chmod(0o755)
    daemon.start(**cards.environment, TUNED_CUDA_CHECKPOINT=str(tool))
    daemon.submit({**STUDY, "search": {"method": "sobol", "trials": 1}}, tmp_path)
    daemon.wait_state("gpus", 1, "running")
    pid = json.loads((daemon.home / "runs/gpus/1/1/start.json").read_text())["pid"]
    cards.set(0, processes={pid: GIB})
    freeze = daemon.home / "runs/gpus/1/1/freeze.json"

    def lines() -> list[str]:
        return log.read_text().splitlines() if log.exists() else []

    pausing = in_background(lambda: daemon.post("/v1/pause", {"targets": ["gpus/1"], "level": "cuda"}))
    daemon.until(lambda: len(lines()) == 1, "the tool does not begin")
    resuming = in_background(lambda: daemon.post("/v1/resume", {"targets": ["gpus/1"]}))
    daemon.until(lambda: not daemon.trials("gpus")[0]["frozen"], "the resume is not committed")
    goes.touch()
    assert pausing()["changed"] == resuming()["changed"] == ["gpus/1"]
    # Away and back: as many moves in one direction as in the other, and nothing stands still.
    daemon.until(lambda: len(lines()) == 4, "its GPU memory does not come back")
    asked = f"--toggle --pid {pid}"
    assert lines() == [f"begin {asked}", f"end {asked}"] * 2
    daemon.until(lambda: not json.loads(freeze.read_text())["frozen"], "it is told to stand still")
    assert json.loads(freeze.read_text())["cuda"] == []
    assert Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T"
    # A pause, and an end before the tool is done: the end does not wait for it.
    goes.unlink()
    pausing = in_background(lambda: daemon.post("/v1/pause", {"targets": ["gpus/1"], "level": "cuda"}))
    daemon.until(lambda: len(lines()) == 5, "the tool does not begin")
    daemon.post("/v1/kill", {"targets": ["gpus/1"]})
    assert daemon.wait_state("gpus", 1, "failed")["failure"] == "killed"
    goes.touch()
    pausing()


def in_background(call: Callable[[], Any]) -> Callable[[], Any]:
    """Begin a request; the returned function gives its reply."""
    pool = ThreadPoolExecutor(1)
    reply = pool.submit(call)
    pool.shutdown(wait=False)
    return lambda: reply.result(DEADLINE_S)
