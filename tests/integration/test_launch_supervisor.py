"""The supervisor: the fence in front of an attempt, how it is stopped, and what is recorded of its end."""

from __future__ import annotations

import os
import signal
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.launch_driver import Attempt, Launcher, wait_until
from tests.patience import DEADLINE_S
from tuned import protocol
from tuned.launch import descendants

Write = Callable[[str], Path]


@pytest.fixture(scope="module")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    launcher = Launcher(tmp_path_factory.mktemp("launcher"))
    yield launcher
    launcher.close()


@pytest.fixture
def script(tmp_path: Path) -> Write:
    """Writes a script and returns its path."""

    def write(text: str) -> Path:
        path = tmp_path / "train.py"
        path.write_text(textwrap.dedent(text))
        return path

    return write


def alive(pid: int) -> bool:
    process = descendants.read_process(pid)
    return process is not None and not process.zombie


def said_pid(attempt: Attempt, word: str) -> int:
    """The number behind a word in the output."""
    wait_until(lambda: f"{word} " in attempt.output() and attempt.output().endswith("\n"), f"{word} in the output")
    return int(attempt.output().split(f"{word} ")[1].split()[0])


@pytest.mark.parametrize("start", ["warm", "cold"])
def test_records_of_a_whole_attempt(launcher: Launcher, script: Write, start: str) -> None:
    attempt = launcher.start(script("print('hello')\nraise SystemExit(3)"), start=start, timeout=600)
    end = attempt.ended()
    begin = attempt.started()
    assert begin["attempt_id"] == end["attempt_id"] == attempt.spec["attempt_id"]
    assert begin["mode"] == start
    assert begin["pgid"] == begin["pid"] != begin["supervisor_pid"]
    assert begin["boot_id"] == protocol.boot_id()
    assert (end["code"], end["signal"], end["stop"], end["timed_out"], end["stop_signalled"]) == (
        3,
        None,
        None,
        False,
        False,
    )
    assert end["user_code"] and end["left_behind"] == 0
    assert 0 < end["seconds"] < 60 and end["max_rss_kb"] > 1000 and end["cpu_seconds"] > 0
    assert attempt.output() == "hello\n"
    assert (attempt.dir / "work").is_dir()
    wait_until(lambda: not alive(begin["supervisor_pid"]), "the end of the supervisor")


class TestFence:
    def test_revoked_attempt_never_starts(self, launcher: Launcher, script: Write) -> None:
        attempt = launcher.attempt(script("print('ran')"))
        (attempt.dir / protocol.REVOKED_FILE).touch()
        pid = launcher.launch(attempt)["pid"]
        wait_until(lambda: not alive(pid), "the end of the supervisor")
        assert attempt.record(protocol.START_FILE) is None and attempt.output() == ""

    def test_second_launch_does_nothing(self, launcher: Launcher, script: Write) -> None:
        attempt = launcher.start(script("print('ran')\ninput() if False else __import__('time').sleep(60)"))
        attempt.shows("ran")
        first = attempt.started()
        second = launcher.launch(attempt)["pid"]
        wait_until(lambda: not alive(second), "the end of the second supervisor")
        assert attempt.started() == first and alive(first["pid"])
        attempt.stop("kill")
        attempt.ended()
        third = launcher.launch(attempt)["pid"]
        wait_until(lambda: not alive(third), "the end of the third supervisor")
        assert attempt.started() == first and attempt.output() == "ran\n"

    def test_folder_that_cannot_be_used_runs_nothing(self, launcher: Launcher, script: Write) -> None:
        attempt = launcher.attempt(script("print('ran')"))
        (attempt.dir / "work").write_text("a file where the folder should be")
        pid = launcher.launch(attempt)["pid"]
        wait_until(lambda: not alive(pid), "the end of the supervisor")
        assert attempt.output() == "" and attempt.record(protocol.START_FILE) is None

    def test_missing_spec_is_refused(self, launcher: Launcher, tmp_path: Path) -> None:
        assert launcher.ask(launch=str(tmp_path)) == {"refused": str(tmp_path), "why": "there is no spec.json"}


SLEEPS = """
    import time
    print("begun", flush=True)
    time.sleep(60)
"""

WITH_SDK = """
    import sys, time, tuned
    trial = tuned.current_trial()
    print("begun", flush=True)
    while not trial.should_stop():
        time.sleep(0.01)
    print("saving")
    sys.exit(int(sys.argv[1]))
"""

IGNORES_TERM = """
    import signal, time
    signal.signal(signal.SIGTERM, lambda *_: print("no", flush=True))
    print("begun", flush=True)
    while True:
        time.sleep(60)
"""


class TestStopping:
    def test_without_the_sdk_it_is_terminated_at_once(self, launcher: Launcher, script: Write) -> None:
        attempt = launcher.start(script(SLEEPS))
        attempt.shows("begun")
        attempt.stop("prune")
        end = attempt.ended()
        assert (end["signal"], end["stop"], end["stop_signalled"]) == (signal.SIGTERM, "prune", True)

    def test_with_the_sdk_it_ends_by_itself(self, launcher: Launcher, script: Write) -> None:
        path = script(WITH_SDK)
        attempt = launcher.start(path, argv=[str(path), "0"])
        attempt.shows("begun")
        attempt.stop("pause")
        end = attempt.ended()
        assert (end["code"], end["stop"], end["stop_signalled"]) == (0, "pause", False)
        assert attempt.output().endswith("saving\n")
        assert {"sdk": 1} in attempt.metrics() and {"stop_seen": True} in attempt.metrics()

    def test_grace_runs_out(self, launcher: Launcher, script: Write) -> None:
        attempt = launcher.start(
            script("import time, tuned\ntuned.current_trial()\nprint('begun', flush=True)\ntime.sleep(60)"), grace=0.1
        )
        attempt.shows("begun")
        attempt.stop("cancel")
        end = attempt.ended()
        assert (end["signal"], end["stop"], end["stop_signalled"]) == (signal.SIGTERM, "cancel", True)

    def test_kill_waits_for_nothing(self, launcher: Launcher, script: Write) -> None:
        attempt = launcher.start(script(IGNORES_TERM))
        attempt.shows("begun")
        attempt.stop("kill")
        end = attempt.ended()
        assert (end["signal"], end["stop"], end["stop_signalled"]) == (signal.SIGKILL, "kill", True)

    def test_kill_after_a_stop_that_was_ignored(self, launcher: Launcher, script: Write) -> None:
        attempt = launcher.start(script(IGNORES_TERM))
        attempt.shows("begun")
        attempt.stop("cancel")
        attempt.shows("no")
        attempt.stop("kill")
        assert attempt.ended()["signal"] == signal.SIGKILL

    def test_stop_that_came_before_the_start(self, launcher: Launcher, script: Write) -> None:
        attempt = launcher.attempt(script(SLEEPS))
        protocol.write_record(str(attempt.dir), protocol.STOP_FILE, {"reason": "cancel", "at": 0.0})
        launcher.launch(attempt)
        assert attempt.ended()["stop"] == "cancel"

    def test_timeout(self, launcher: Launcher, script: Write) -> None:
        attempt = launcher.start(script(SLEEPS), timeout=0.2)
        end = attempt.ended()
        assert (end["signal"], end["timed_out"], end["stop"]) == (signal.SIGTERM, True, None)
        assert not end["stop_signalled"]

    def test_frozen_trial_can_be_stopped(self, launcher: Launcher, script: Write) -> None:
        attempt = launcher.start(script(SLEEPS))
        attempt.shows("begun")
        os.killpg(attempt.started()["pgid"], signal.SIGSTOP)
        attempt.stop("cancel")
        assert attempt.ended()["signal"] == signal.SIGTERM

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
    def test_signals_to_the_supervisor_do_nothing(self, launcher: Launcher, script: Write, number: int) -> None:
        attempt = launcher.start(script(WITH_SDK), argv=["train.py", "0"], cwd=str(script(WITH_SDK).parent))
        attempt.shows("begun")
        os.kill(attempt.started()["supervisor_pid"], number)
        attempt.stop("pause")
        assert attempt.ended()["code"] == 0


LEAVES_PROCESSES = """
    import os, signal, subprocess, sys, time
    # In a session of its own, its parent gone, deaf to SIGTERM, without our variables.
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.write(write, b"%d" % os.getpid())
            time.sleep(60)
        os._exit(0)
    orphan = int(os.read(read, 16))
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], env={}, start_new_session=True)
    print("orphan", orphan, "child", child.pid, flush=True)
"""


class TestDescendants:
    def test_all_are_ended_before_the_record(self, launcher: Launcher, script: Write) -> None:
        attempt = launcher.start(script(LEAVES_PROCESSES))
        end = attempt.ended()
        assert end["code"] == 0 and end["left_behind"] == 2
        assert not alive(said_pid(attempt, "orphan")) and not alive(said_pid(attempt, "child"))

    def test_dead_supervisor_takes_the_trial_along(self, launcher: Launcher, script: Write) -> None:
        attempt = launcher.start(script(SLEEPS))
        attempt.shows("begun")
        start = attempt.started()
        os.kill(start["supervisor_pid"], signal.SIGKILL)
        wait_until(lambda: not alive(start["pid"]), "the end of the trial")
        assert attempt.record(protocol.EXIT_FILE) is None
        again = launcher.launch(attempt)["pid"]  # the lock is free, but it was started before
        wait_until(lambda: not alive(again), "the end of the second supervisor")
        assert attempt.started() == start

    @pytest.mark.parametrize("start_kind", ["warm", "cold"])
    def test_what_a_dead_supervisor_left_is_found(self, launcher: Launcher, script: Write, start_kind: str) -> None:
        attempt = launcher.start(script(LEAVES_PROCESSES + "\n    time.sleep(60)"), start=start_kind)
        orphan, child = said_pid(attempt, "orphan"), said_pid(attempt, "child")
        start = attempt.started()
        other = launcher.start(script(SLEEPS))
        other.shows("begun")
        os.kill(start["supervisor_pid"], signal.SIGKILL)
        wait_until(lambda: not alive(start["pid"]), "the end of the trial")
        assert alive(orphan) and alive(child)
        assert descendants.end_attempt(attempt.spec["attempt_id"], str(attempt.dir), start) >= 2
        assert not alive(orphan) and not alive(child)
        assert alive(other.started()["pid"])
        other.stop("kill")
        other.ended()

    def test_another_boot_has_nothing_left(self) -> None:
        start = {"boot_id": "an earlier one", "supervisor_start": 0, "pgid": os.getpgid(0), "supervisor_pid": 1}
        assert list(descendants.of_attempt("no such attempt", "/nowhere", start)) == []


class TestWhatCannotStart:
    def test_missing_folder(self, launcher: Launcher, script: Write) -> None:
        end, output = launcher.run(script("print('ran')"), cwd="/nowhere/at all")
        assert (end["code"], end["user_code"]) == (1, False)
        assert output == "tuned: cannot enter the folder /nowhere/at all: No such file or directory\n"

    @pytest.mark.parametrize("start", ["warm", "cold"])
    def test_missing_script(self, launcher: Launcher, tmp_path: Path, start: str) -> None:
        end, output = launcher.run(tmp_path / "absent.py", start=start)
        assert (end["code"], end["user_code"]) == (1, False)
        assert output == f"tuned: cannot read the script {tmp_path}/absent.py: No such file or directory\n"

    def test_missing_command(self, launcher: Launcher) -> None:
        end, output = launcher.run(None, kind="command", argv=["no-such-program", "x"])
        assert (end["code"], end["user_code"]) == (127, False)
        assert output == "tuned: cannot run the command no-such-program: No such file or directory\n"

    def test_missing_interpreter(self, launcher: Launcher, script: Write) -> None:
        end, _ = launcher.run(script(""), start="cold", python="/nowhere/python")
        assert (end["code"], end["user_code"]) == (127, False)


class TestKinds:
    def test_command(self, launcher: Launcher) -> None:
        line = 'echo "$1 $TUNED_PARAM_LR $MODE"; echo "{\\"loss\\": 1}" >> "$TUNED_METRICS"; cat; exit 4'
        attempt = launcher.start(None, kind="command", argv=["sh", "-c", line, "sh", "a b"], env={"MODE": "fast"})
        assert attempt.ended()["code"] == 4
        assert attempt.output() == "a b 0.1 fast\n"
        assert attempt.metrics() == [{"loss": 1}]
        assert attempt.started()["mode"] == "cold"

    @pytest.mark.parametrize("start", ["warm", "cold"])
    @pytest.mark.parametrize(
        ("returned", "reported"),
        [
            ("0.25", {"loss": 0.25}),
            ("{'loss': 0.5, 'eval/acc': 1}", {"loss": 0.5, "eval/acc": 1, "step": 4}),
            ("None", None),
        ],
    )
    def test_function(
        self, launcher: Launcher, script: Write, start: str, returned: str, reported: dict[str, float] | None
    ) -> None:
        path = script(
            f"""
            import pickle, sys
            class Model: pass
            def train(trial):
                print(trial.params, __name__, sys.argv, type(pickle.loads(pickle.dumps(Model()))) is Model)
                trial.report(step=4, other=1.0)
                return {returned}
            """
        )
        attempt = launcher.start(path, kind="function", function="train", start=start, argv=["train.py"])
        assert attempt.ended()["code"] == 0, attempt.output()
        assert attempt.output() == "{'lr': 0.1} train ['train.py'] True\n"
        records = [{k: v for k, v in r.items() if k != "_time"} for r in attempt.metrics()]
        assert records == [{"sdk": 1}, {"other": 1.0, "step": 4}, *([reported] if reported else [])]

    def test_function_fails_with_the_users_frames_alone(self, launcher: Launcher, script: Write) -> None:
        path = script("def train(trial):\n    return 1 / 0\n")
        for start in ("warm", "cold"):
            end, output = launcher.run(path, kind="function", function="train", start=start)
            assert end["code"] == 1
            assert "function_runner" not in output and f'File "{path}", line 2, in train' in output
        end, output = launcher.run(path, kind="function", function="absent")
        assert (end["code"], output) == (1, f"tuned: {path} has no function absent\n")


def test_modules_are_learned(launcher: Launcher, script: Write) -> None:
    attempt = launcher.start(script("import numpy, json\n"), learn=True)
    attempt.ended()
    learned = attempt.record(protocol.MODULES_FILE)
    assert learned is not None and list(learned["seconds"]) == ["numpy"] and learned["seconds"]["numpy"] > 0


def test_seed_decides_the_numbers_of_a_warm_trial(launcher: Launcher, script: Write) -> None:
    path = script("import random\nprint(random.random())\nimport numpy\nprint(numpy.random.rand())")
    outputs = [launcher.run(path, seed=seed)[1] for seed in (1, 1, 2)]
    assert outputs[0] == outputs[1] != outputs[2]


def test_trials_outlive_their_launcher(tmp_path: Path, script: Write) -> None:
    launcher = Launcher(tmp_path)
    path = script(WITH_SDK)
    attempt = launcher.start(path, argv=[str(path), "5"])
    attempt.shows("begun")
    launcher.process.kill()
    launcher.close()
    attempt.stop("pause")
    assert attempt.ended()["code"] == 5


def test_quit_ends_the_launcher(tmp_path: Path) -> None:
    launcher = Launcher(tmp_path)
    launcher.send(quit=True)
    assert launcher.process.wait(timeout=DEADLINE_S) == 0
    launcher.close()
