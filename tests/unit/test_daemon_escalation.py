"""The daemon acting itself on real processes whose supervisor does nothing; only the times of telling are made up."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import wait_until
from tuned.core.states import StopReason
from tuned.core.trials.wishes import Told
from tuned.daemon.attempts.escalation import SLACK_S, escalate
from tuned.daemon.attempts.live_attempt import LiveAttempt
from tuned.launch.stopping import KILL_AFTER

# A supervisor that hears nothing, and a trial that takes no notice of SIGTERM but notes it.
HUNG = """
import os, pathlib, signal, subprocess, sys, time
subprocess.Popen([sys.executable, "-c", '''
import pathlib, signal, time
signal.signal(signal.SIGTERM, lambda *_: pathlib.Path("asked").touch())
pathlib.Path("ready").touch()
while True:
    time.sleep(60)
'''])
while True:
    time.sleep(60)
"""
GRACE = 2.0


@pytest.fixture
def hung(tmp_path: Path) -> Iterator[LiveAttempt]:
    (tmp_path / "spec.json").write_text(json.dumps({"protocol": 1, "grace": GRACE}))
    supervisor = subprocess.Popen([sys.executable, "-c", HUNG], cwd=tmp_path, start_new_session=True)
    wait_until((tmp_path / "ready").exists, "the trial begins")
    attempt = LiveAttempt(1, "s", 1, 1, "id", tmp_path, "cpu:0", supervisor=supervisor.pid)
    attempt.pidfd = os.pidfd_open(supervisor.pid)
    yield attempt
    with contextlib.suppress(ProcessLookupError):
        os.killpg(supervisor.pid, signal.SIGKILL)
    supervisor.wait()
    os.close(attempt.pidfd)


def tell(attempt: LiveAttempt, reason: StopReason, seconds_ago: float) -> None:
    attempt.told = Told(stop=reason)
    attempt.told_at = time.monotonic() - seconds_ago


def family(attempt: LiveAttempt) -> list[int]:
    text = Path(f"/proc/{attempt.supervisor}/task/{attempt.supervisor}/children").read_text()
    return [int(pid) for pid in text.split()]


def lives(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_within_its_time_nothing_is_done_and_the_rest_of_it_is_said(hung: LiveAttempt) -> None:
    tell(hung, StopReason.CANCEL, 1.0)
    escalate(hung)
    assert hung.waits_for == "it was asked to end (cancel); it has 16s more to do so"
    assert hung.overdue.terminated_at is None


def test_a_pause_asks_again_and_never_kills(hung: LiveAttempt) -> None:
    (trial,) = family(hung)
    tell(hung, StopReason.PAUSE, GRACE + KILL_AFTER + SLACK_S + 1)
    escalate(hung)
    wait_until((hung.run_dir / "asked").exists, "the trial is asked by SIGTERM")
    hung.overdue.terminated_at = time.monotonic() - 1000
    for _ in range(3):
        escalate(hung)
    assert lives(trial) and hung.overdue.killed_at is None
    assert hung.waits_for == "it was asked to end (pause) 18s ago: 1 process still there"
    # Its trial gone, a supervisor that records nothing still keeps the checkpoint's attempt: it is left alone, too.
    os.kill(trial, signal.SIGKILL)
    wait_until(lambda: not lives(trial), "the trial ends")
    escalate(hung)
    assert lives(hung.supervisor or 0)
    assert hung.waits_for.endswith("its supervisor has not recorded its end")


@pytest.mark.parametrize("reason", [StopReason.CANCEL, StopReason.PRUNE, StopReason.KILL])
def test_an_end_goes_on_to_the_trial_and_then_to_the_supervisor(hung: LiveAttempt, reason: StopReason) -> None:
    (trial,) = family(hung)
    tell(hung, reason, GRACE + KILL_AFTER + SLACK_S + 1)
    if reason is not StopReason.KILL:
        escalate(hung)
        wait_until((hung.run_dir / "asked").exists, "the trial is asked by SIGTERM")
        escalate(hung)
        assert lives(trial), "it has its time after SIGTERM"
        assert hung.overdue.terminated_at is not None
        hung.overdue.terminated_at -= KILL_AFTER
    escalate(hung)
    wait_until(lambda: not lives(trial), "the trial is killed")
    escalate(hung)
    assert lives(hung.supervisor or 0), "it has its time to record the end"
    assert hung.overdue.killed_at is not None
    hung.overdue.killed_at -= SLACK_S
    escalate(hung)
    wait_until(lambda: not lives(hung.supervisor or 0), "the supervisor is killed, and its lock falls")


def test_a_supervisor_that_somebody_stopped_is_woken_before_anything_else(hung: LiveAttempt) -> None:
    (trial,) = family(hung)
    assert hung.supervisor is not None
    os.kill(hung.supervisor, signal.SIGSTOP)
    stat = Path(f"/proc/{hung.supervisor}/stat")
    wait_until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", "it stands still")
    tell(hung, StopReason.KILL, 1000.0)
    escalate(hung)
    assert "was stopped by somebody, and is woken" in hung.waits_for
    wait_until(lambda: stat.read_text().rpartition(")")[2].split()[0] != "T", "it moves")
    assert lives(trial)
