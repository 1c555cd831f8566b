"""The fence in front of an attempt: a late supervisor never runs beside the attempt that replaced its own."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.lab import Lab
from tests.e2e.conftest import wait_until
from tests.integration.launch_driver import Launcher
from tuned import protocol
from tuned.daemon.files import run_dirs


@pytest.fixture(scope="module")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    launcher = Launcher(tmp_path_factory.mktemp("launcher"))
    yield launcher
    launcher.close()


def gone(pid: int) -> bool:
    return protocol.process_start_time(pid) is None


def test_a_supervisor_after_recovery_goes_without_a_line_of_user_code(launcher: Launcher, tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    attempt = launcher.attempt(script)
    assert run_dirs.revoke_if_unstarted(attempt.dir) == "revoked"
    late = launcher.launch(attempt)["pid"]
    wait_until(lambda: gone(late), "the late supervisor ends")
    assert attempt.record(protocol.START_FILE) is None
    assert not (tmp_path / "ran").exists()
    # Recovery that comes again finds the same.
    assert run_dirs.revoke_if_unstarted(attempt.dir) == "revoked"


def test_recovery_after_a_supervisor_waits_for_it(launcher: Launcher, tmp_path: Path) -> None:
    go = tmp_path / "go"
    script = tmp_path / "train.py"
    script.write_text(f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.01)")
    attempt = launcher.start(script)
    attempt.started()
    assert run_dirs.revoke_if_unstarted(attempt.dir) == "held"
    assert attempt.record(protocol.REVOKED_FILE) is None
    go.touch()
    assert attempt.ended()["code"] == 0
    wait_until(lambda: run_dirs.revoke_if_unstarted(attempt.dir) == "started", "the lock is free")


def test_a_supervisor_that_is_killed_before_its_start_record_leaves_nothing_running(
    launcher: Launcher, tmp_path: Path
) -> None:
    """The record cannot be written, so the supervisor ends: the trial that waits for its release must end with it."""
    script = tmp_path / "train.py"
    script.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    attempt = launcher.attempt(script)
    (attempt.dir / protocol.START_FILE).mkdir()
    (attempt.dir / protocol.START_FILE / "in the way").touch()
    supervisor = launcher.launch(attempt)["pid"]
    wait_until(lambda: gone(supervisor), "the supervisor ends")
    assert not (tmp_path / "ran").exists()


def test_a_launcher_that_wakes_up_after_its_daemon_was_replaced(lab: Lab) -> None:
    """The request lies in the pipe of a stopped launcher while the daemon is killed; recovery gives the trial back."""
    lab.start()
    first = lab.submit(hold=True, search={"method": "sobol", "trials": 1})
    lab.daemon.wait_state(first, 1, "running")
    (launcher,) = lab.of_kind("launcher")
    os.kill(launcher.pid, signal.SIGSTOP)
    lab.arm("launch.asked")
    second = lab.study(hold=True, search={"method": "sobol", "trials": 1})
    lab.in_background(lab.send)
    lab.wait_parked("launch.asked")
    lab.kill("daemon")
    lab.restart()
    trial = lab.daemon.wait_state(second, 1, "running")
    assert trial["attempt"] == 2
    run_dir = lab.home / "runs" / second / "1" / "1"
    assert (run_dir / protocol.REVOKED_FILE).exists()
    os.kill(launcher.pid, signal.SIGCONT)
    wait_until(lambda: not launcher.alive, "the old launcher ends with its daemon")
    wait_until(lambda: all(p.run_dir != run_dir for p in lab.of_kind("supervisor", "trial")), "the late one is gone")
    assert not (run_dir / protocol.START_FILE).exists()
    assert [p.run_dir.name for p in lab.of_kind("supervisor") if p.run_dir and second in p.run_dir.parts] == ["2"]
    lab.invariants.check()
    for name in (first, second):
        lab.release(name)
    lab.wait_at_rest(first, second)
    lab.invariants.check(at_rest=True)


def test_a_trial_that_ends_while_its_supervisor_is_dying(lab: Lab) -> None:
    """The trial is through, but nobody wrote so: it is lost, never given an invented end, and tried again."""
    lab.start()
    name = lab.submit(hold=True, search={"method": "sobol", "trials": 1})
    lab.daemon.wait_state(name, 1, "running")
    (supervisor,) = lab.of_kind("supervisor")
    os.kill(supervisor.pid, signal.SIGSTOP)
    lab.release(name)
    wait_until(lambda: lab.of_kind("trial") == [], "the trial ends")
    lab.kill("supervisor")
    lab.wait_at_rest(name)
    trial = lab.daemon.trials(name)[0]
    assert (trial["state"], trial["attempt"]) == ("completed", 2)
    detail = lab.daemon.get(f"/v1/studies/{name}/trials/1")
    assert [a["ended_by"] for a in detail["attempts"]] == ["retry", "exit_ok"]
    assert detail["attempts"][0]["failure"] == "lost"
    lab.invariants.check(at_rest=True)
