"""`[notify]` end to end: the command is run when something happens, and its failure hurts nothing."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import DaemonProcess

pytestmark = pytest.mark.e2e

SCRIPT = """
    import sys, tuned
    trial = tuned.current_trial()
    if trial.params["x"] > 0.9:
        sys.exit("no such data")
    trial.report(step=1, loss=trial.params["x"])
"""
TELL = "import json, sys; print(json.dumps(sys.argv[2:]), file=open(sys.argv[1], 'a'))"


def study(name: str, notify: dict[str, Any], point: float) -> dict[str, Any]:
    return {
        "name": name,
        "run": {"script": "train.py"},
        "objective": {"metric": "loss", "direction": "minimize"},
        "space": {"x": {"type": "float", "low": 0.0, "high": 1.0}},
        "search": {"method": "sobol", "trials": 1, "point": [{"x": point}]},
        "notify": notify,
    }


def test_done_best_and_failing_are_told(shared_daemon: DaemonProcess, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(textwrap.dedent(SCRIPT))
    said = tmp_path / "said"
    command = [sys.executable, "-c", TELL, str(said), "{kind}", "{title}", "{text}"]

    def told(count: int) -> list[list[str]]:
        def enough() -> Any:
            lines = said.read_text().splitlines() if said.exists() else []
            return [json.loads(line) for line in lines] if len(lines) >= count else None

        return list(shared_daemon.until(enough, f"fewer than {count} notices"))

    shared_daemon.submit(study("tells", {"command": command}, 0.25), tmp_path)
    best, done = told(2)
    assert best == ["best", "tells: loss 0.25", "the best so far is trial 1: x=0.25"]
    assert done[:2] == ["done", "tells is done"]
    assert done[2] == "all trials are done; 1 completed; best loss 0.25 in trial 1: x=0.25"
    shared_daemon.submit(study("fails", {"command": command, "on": ["failing"]}, 0.95), tmp_path)
    failing = told(3)[2]
    assert failing[:2] == ["failing", "fails is paused"] and "no such data" in failing[2]


def test_a_command_that_fails_is_said_and_hurts_nothing(shared_daemon: DaemonProcess, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(textwrap.dedent(SCRIPT))
    shared_daemon.submit(study("mute", {"command": ["false"]}, 0.25), tmp_path)
    assert shared_daemon.wait_ended("mute")["state"] == "completed"

    def noted() -> bool:
        return any("notify command of mute failed" in note for note in shared_daemon.get("/v1/status")["notes"])

    shared_daemon.until(noted, "nothing is said of the command")
    shared_daemon.post("/v1/studies/mute/set", {"values": {"notify.command": '["no-such-program-anywhere"]'}})
    assert "no-such-program-anywhere" in shared_daemon.post("/v1/studies/mute/notify", {})["failure"]
    shared_daemon.post("/v1/studies/mute/set", {"values": {"notify.command": '["true", "{title}"]'}})
    tried = shared_daemon.post("/v1/studies/mute/notify", {})
    assert (tried["command"], tried["failure"]) == (["true", "mute: a test"], "")
    with pytest.raises(Exception, match="dawn"):
        shared_daemon.submit(study("wrong", {"command": ["true"], "on": ["dawn"]}, 0.25), tmp_path)
    with pytest.raises(Exception, match=r"'no-such-program-anywhere' is not on PATH.*notify\.command"):
        shared_daemon.submit(study("wrong", {"command": ["no-such-program-anywhere"]}, 0.25), tmp_path)


WAITS = """
    import pathlib, time, tuned
    trial = tuned.current_trial()
    trial.report(step=1, loss=0.5)
    while not pathlib.Path("go").exists():
        time.sleep(0.02)
"""


def test_a_trial_that_fell_silent_is_told_once(daemon: DaemonProcess, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(textwrap.dedent(WAITS))
    said = tmp_path / "said"
    command = [sys.executable, "-c", TELL, str(said), "{kind}", "{title}", "{text}"]
    daemon.start()
    daemon.submit(study("silent", {"command": command, "on": ["stuck"]}, 0.5), tmp_path)
    daemon.until(lambda: daemon.trials("silent")[0]["last_step"] == 1, "it reports nothing")
    daemon.kill()
    # As if it had begun, reported once and fallen silent long ago.
    with contextlib.closing(sqlite3.connect(daemon.home / "tuned.db")) as database:
        database.execute("UPDATE trials SET started_at = started_at - 20000")
        database.commit()
    for name in ("metrics.jsonl", "output.log"):
        long_ago = time.time() - 19_000
        os.utime(daemon.home / "runs/silent/1/1" / name, (long_ago, long_ago))
    daemon.start()
    daemon.until(said.exists, "nothing is said of it")
    daemon.until(said.read_text, "nothing is said of it")
    kind, title, text = json.loads(said.read_text())
    assert (kind, title) == ("stuck", "silent/1 seems to be stuck")
    assert text.startswith("it has written nothing for 5h 1") and "its last step was 1" in text
    (tmp_path / "go").touch()
    daemon.wait_ended("silent")
    assert len(said.read_text().splitlines()) == 1
