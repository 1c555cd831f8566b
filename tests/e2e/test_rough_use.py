"""Everything that people and machines do to a running study: the study goes on, and nothing is lost or done twice."""

from __future__ import annotations

import json
import os
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.tunectl_process import DEADLINE_S, Tunectl

pytestmark = pytest.mark.e2e

AT_ONCE = 50
SCRIPT = """
import pathlib, time, tuned
trial = tuned.current_trial()
trial.report(step=0, loss=trial.params["x"] + 1)
while not pathlib.Path("go").exists():
    time.sleep(0.02)
trial.report(step=1, loss=trial.params["x"])
"""


class Study(Tunectl):
    """`tunectl` with a study whose trials run until they may end."""

    def write(self, trials: int = 4, pace: float = 0.0) -> None:
        super().write(trials, pace)
        (self.work / "train.py").write_text(SCRIPT)

    def let_go(self) -> None:
        (self.work / "go").touch()

    def running(self) -> list[Any]:
        """The trials that have reported, once there are two of them."""

        def reported() -> list[Any]:
            rows = self.json("trials", "quad", "--state", "running")
            return rows if len(rows) == 2 and all(row["values"] for row in rows) else []

        return list(self.wait_until(reported, "two trials report"))

    def pid(self) -> int:
        return int((self.home / "daemon.lock").read_text())

    def attempts(self) -> Counter[int]:
        return Counter(row["attempt"] for row in self.json("trials", "quad"))

    def everything(self) -> list[int]:
        """The processes that work on this state folder."""
        here, found = os.fsencode(self.home), []
        for entry in Path("/proc").iterdir():
            try:
                words = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
            except OSError:
                continue
            if here in words:
                found.append(int(entry.name))
        return found


@pytest.fixture
def tunectl(tmp_path: Path) -> Iterator[Study]:
    with tempfile.TemporaryDirectory(prefix="tuned-", ignore_cleanup_errors=True) as folder:
        command = Study(Path(folder) / "home", tmp_path)
        command.write()
        try:
            yield command
        finally:
            command.let_go()
            command.end()


def test_many_submissions_at_once_are_one_study_of_one_daemon(tunectl: Study) -> None:
    processes = [tunectl.start("submit", "quad.toml", "--json") for _ in range(AT_ONCE)]
    created = Counter[bool]()
    for process in processes:
        out, err = process.communicate(timeout=DEADLINE_S)
        assert process.returncode == 0, err + tunectl.log()
        assert err == ""
        created[json.loads(out)["created"]] += 1
    assert created == {True: 1, False: AT_ONCE - 1}
    assert [row["name"] for row in tunectl.json("studies")] == ["quad"]
    assert tunectl.json("daemon", "status")["pid"] == tunectl.pid()
    tunectl.let_go()
    tunectl("wait", "quad")
    assert tunectl.attempts() == {1: 4}


def test_a_removed_socket_is_bound_again(tunectl: Study) -> None:
    tunectl("submit", "quad.toml")
    pid = tunectl.pid()
    (tunectl.home / "tuned.sock").unlink()
    # A verb in the meantime starts a daemon that gives way to the one that lives, and waits for that one.
    assert [row["name"] for row in tunectl.json("studies")] == ["quad"]
    assert tunectl.json("daemon", "status")["pid"] == pid
    assert (tunectl.home / "tuned.sock").is_socket()
    tunectl.let_go()
    tunectl("wait", "quad")
    assert (tunectl.pid(), tunectl.attempts()) == (pid, {1: 4})


def test_a_killed_daemon_is_started_by_the_next_verb_and_adopts_what_runs(tunectl: Study) -> None:
    tunectl("submit", "quad.toml")
    tunectl.running()
    pid = tunectl.pid()
    os.kill(pid, signal.SIGKILL)
    rows = tunectl.json("trials", "quad")
    assert [row["state"] for row in rows[:2]] == ["running", "running"]
    assert tunectl.pid() != pid
    tunectl.let_go()
    assert tunectl.json("wait", "quad")["counts"] == {"completed": 4}
    assert tunectl.attempts() == {1: 4}


def test_a_study_goes_on_over_a_stop_and_a_start(tunectl: Study) -> None:
    tunectl("submit", "quad.toml")
    tunectl.running()
    assert "; 2 trials run on" in tunectl("daemon", "stop")
    tunectl("trials", "quad", "--no-start", code=3)
    tunectl.let_go()
    tunectl("daemon", "start")
    assert tunectl.json("wait", "quad")["counts"] == {"completed": 4}
    assert tunectl.attempts() == {1: 4}


def test_what_a_reboot_ended_runs_again(tunectl: Study) -> None:
    tunectl("submit", "quad.toml")
    before = {row["number"]: row["values"] for row in tunectl.running()}
    for pid in tunectl.everything():
        os.kill(pid, signal.SIGKILL)
    rows = {row["number"]: row for row in tunectl.json("trials", "quad")}
    # Their reports are kept; the processes are gone.
    assert {number: rows[number]["values"] for number in before} == before
    tunectl.let_go()
    assert tunectl.json("wait", "quad")["counts"] == {"completed": 4}
    assert tunectl.attempts() == {2: 2, 1: 2}
    for row in tunectl.json("trials", "quad"):
        assert row["values"] == {"loss": row["params"]["x"]}


def test_an_interrupted_follow_leaves_the_study_alone(tunectl: Study) -> None:
    following = tunectl.start("submit", "quad.toml", "--follow")
    tunectl.wait_until(lambda: (tunectl.home / "tuned.sock").exists(), "a daemon starts")
    tunectl.wait_until(lambda: tunectl.json("studies"), "the study is taken in")
    tunectl.running()
    following.send_signal(signal.SIGINT)
    _, err = following.communicate(timeout=DEADLINE_S)
    assert following.returncode == 130
    assert "Traceback" not in err
    tunectl.let_go()
    assert tunectl.json("wait", "quad")["counts"] == {"completed": 4}


def test_a_study_whose_trial_still_saves_is_waited_for_and_then_deleted(tunectl: Study) -> None:
    tunectl.write(trials=1)
    (tunectl.work / "train.py").write_text("import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SCRIPT)
    study = tunectl.work / "quad.toml"
    study.write_text(study.read_text().replace("[run]", '[run]\ngrace = "10m"'))
    tunectl("submit", "quad.toml")
    tunectl.wait_until(lambda: any(row["values"] for row in tunectl.json("trials", "quad")), "it reports")
    tunectl("cancel", "quad")
    refused = tunectl("delete", "quad", "--yes", code=1)
    assert "quad is ending" in refused and "it waits for 1 trial" in refused and "cancel quad first" not in refused
    assert "tunectl wait quad" in refused and "tunectl delete quad" in refused
    tunectl.let_go()
    tunectl("wait", "quad", code=1)
    assert "deleted quad" in tunectl("delete", "quad", "--yes")
