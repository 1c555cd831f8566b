"""`tunectl` as a process on a state folder of its own, and the end of all that it started.

Owns how the tests of the command line run it; what it should answer is theirs.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.crash.processes import kill_all, of_home
from tests.patience import DEADLINE_S

SCRIPT = """
    import os, time, tuned
    trial = tuned.current_trial()
    for step in range(4):
        time.sleep({pace})
        while {hold} and not trial.should_stop() and not os.path.exists("go"):
            time.sleep(0.02)
        trial.report(step=step, loss=(trial.params["x"] - 2) ** 2 + 1 / (step + 1))
        print("step", step)
        if trial.should_stop():
            break
"""
STUDY = """
    question = "Where is the minimum?"
    [run]
    script = "train.py"
    [objective]
    metric = "loss"
    direction = "minimize"
    [space]
    x = {{ type = "float", low = 0.0, high = 5.0 }}
    [search]
    method = "sobol"
    trials = {trials}
"""


class Tunectl:
    """The command line on a state folder of its own."""

    def __init__(self, home: Path, work: Path) -> None:
        self.home = home
        self.work = work
        env = {k: v for k, v in os.environ.items() if not k.startswith("TUNED_") and k != "PYTHONPATH"}
        self.env = {**env, "TUNED_HOME": str(home), "TUNED_SLOTS": "2"}

    def start(self, *words: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-I", "-m", "tuned.cli", *words],
            env={**self.env, **environment},
            cwd=self.work,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *words: str, code: int = 0, **environment: str) -> str:
        process = self.start(*words, **environment)
        out, err = process.communicate(timeout=DEADLINE_S)
        assert process.returncode == code, f"{words}: {process.returncode}\n{out}\n{err}\n{self.log()}"
        assert "Traceback" not in err
        return out if code == 0 else err

    def json(self, *words: str) -> Any:
        return json.loads(self(*words, "--json"))

    def log(self) -> str:
        with contextlib.suppress(OSError):
            return (self.home / "logs" / "daemon.log").read_text()[-3000:]
        return "no log"

    def write(self, trials: int = 3, pace: float = 0.0, hold: bool = False) -> None:
        """A script and a study of it; with `hold` each trial waits in its first step until `release`, or for a stop."""
        (self.work / "train.py").write_text(textwrap.dedent(SCRIPT).format(pace=pace, hold=hold))
        (self.work / "quad.toml").write_text(textwrap.dedent(STUDY).format(trials=trials))

    def release(self) -> None:
        (self.work / "go").touch()

    def wait_until(self, what: Callable[[], Any], why: str) -> Any:
        end = time.monotonic() + DEADLINE_S
        while time.monotonic() < end:
            value = what()
            if value:
                return value
            time.sleep(0.05)
        raise AssertionError(f"waited in vain: {why}\n{self.log()}")

    def end(self) -> None:
        """End the daemon and everything of its own; its trials first of all would be queued again."""
        for _ in range(2):  # it may have been starting one meanwhile
            kill_all(of_home(self.home))
