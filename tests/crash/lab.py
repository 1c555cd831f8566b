"""A daemon to be killed, the studies that it runs meanwhile, and the windows in which it is parked.

Owns the trials' script, arming failpoints in a daemon that runs, and the way back to rest. What must hold then is
`invariants`' to say.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bad_disk import build
from tests.crash import processes
from tests.crash.invariants import Invariants
from tests.e2e.conftest import DEADLINE_S, DaemonProcess, wait_until
from tuned.daemon.failpoints import ENV_FAILPOINTS
from tuned.faults import ENV_FAULTS

WORKER = """
import fcntl, os, pathlib, time
import tuned

def note(word):
    fd = os.open("journal", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(fd, f"{word} {os.environ['TUNED_ATTEMPT']} {trial.number}\\n".encode())
    os.close(fd)

trial = tuned.current_trial()
mutex = os.open(f"mutex-{os.environ['TUNED_STUDY']}-{trial.number}", os.O_RDWR | os.O_CREAT)
try:
    fcntl.flock(mutex, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    note("overlap")
note("begin")
saved = pathlib.Path(trial.checkpoint_dir) / "step"
first = int(saved.read_text()) + 1 if saved.exists() else 0
steps, held = trial.params["steps"], pathlib.Path(trial.params["hold"])
stopped = False
for step in range(first, steps):
    trial.report(step=step, loss=trial.params["x"] + 1 / (1 + step), odd=float("nan") if step % 2 else -float("inf"))
    new = saved.with_suffix(".new")
    new.write_text(str(step))
    new.rename(saved)
    while held.exists() and step >= 1 and not stopped:
        time.sleep(0.01)
        stopped = trial.should_stop()
    if stopped:
        break
if not stopped:
    trial.report(step=steps, loss=trial.params["x"])
    trial.report(counted=trial.number)
note("end")
"""

RETRIES = {"lost": 100, "killed": 100}


class Lab:
    """One state folder under attack; with `bad_disk`, the database's own reads and writes may be told to fail, too.

    Attributes:
        daemon: The daemon; `start` and `kill` go through the lab.
        base: Folder of the scripts, the journal and the files by which trials are held.
        invariants: Checked again and again over the life of the lab.
        sound: Whether the last test that used it went well.
    """

    def __init__(self, folder: Path, slots: int = 3, *, bad_disk: bool = False) -> None:
        self.base = folder / "lab"
        self.base.mkdir(parents=True)
        self.home = folder / "home"
        self.daemon = DaemonProcess(self.home, slots)
        self.armed = folder / "failpoints"
        self.armed.touch()
        self.faults = folder / "faults"
        self.faults.touch()
        self._bad_disk = build(folder) if bad_disk else None
        self.window = folder / "window"
        self.journal = self.base / "journal"
        self.invariants = Invariants(self.home, self.journal)
        (self.base / "train.py").write_text(textwrap.dedent(WORKER))
        self.sound = True
        self._studies = 0
        self._calls: list[threading.Thread] = []

    def start(self) -> None:
        """Start the daemon, with whatever is armed."""
        self.daemon.start(**self._armed_environment())

    def launch(self) -> None:
        """Start the daemon without waiting until it answers: it may be parked before it does."""
        self.daemon.spawn(**self._armed_environment())

    def _armed_environment(self) -> dict[str, str]:
        preload = {} if self._bad_disk is None else {"LD_PRELOAD": str(self._bad_disk)}
        return {ENV_FAILPOINTS: f"@{self.armed}", ENV_FAULTS: str(self.faults), **preload}

    def fail(self, *rules: str) -> None:
        """Have operations fail, each rule as `tuned.faults` or `bad_disk.c` reads it; without any, none does."""
        new = self.faults.with_name("faults.new")
        new.write_text("\n".join(rules))
        new.rename(self.faults)

    def wait_answering(self) -> None:
        """Until the daemon answers."""
        wait_until(self.daemon._answers, f"the daemon does not answer: {self.daemon.log()[-3000:]}")

    def restart(self) -> None:
        """After the daemon was killed: a new one, nothing armed."""
        self.disarm()
        self.start()

    def move_home(self, name: str) -> None:
        """Rename the state folder of a daemon that does not run."""
        self.home = self.home.rename(self.home.with_name(name))
        self.daemon = DaemonProcess(self.home, self.daemon.slots)
        self.invariants.home = self.home

    def arm(self, point: str) -> None:
        """Park the daemon when it comes to this point."""
        self.armed.write_text(f"{point}=delay:{self.window}")

    def fill_disk(self, point: str) -> Path:
        """Let the disk be full at this point, as long as the file lives that is returned."""
        full = self.armed.with_name("full")
        full.touch()
        self.armed.write_text(f"{point}=enospc:{full}")
        return full

    def disarm(self) -> None:
        """Let it pass everywhere; a daemon that is parked goes on."""
        self.armed.write_text("")
        self.window.unlink(missing_ok=True)

    def wait_parked(self, point: str) -> None:
        """Until the window is open: the daemon stands at the point and goes nowhere."""
        wait_until(self.window.exists, f"{point} is not reached: {self.daemon.log()[-3000:]}")

    def study(self, name: str | None = None, *, hold: bool = False, **over: Any) -> str:
        """A study's content, under a new name; with `hold` its trials wait in their second step until `release`."""
        self._studies += 1
        name = name or f"s{self._studies}"
        if hold:
            (self.base / f"hold-{name}").touch()
        self.content = {
            "name": name,
            "run": {"script": "train.py", "preload": [], "retries": RETRIES, "grace": "5s"},
            "objective": {"metric": "loss", "direction": "minimize"},
            "space": {
                "x": {"type": "float", "low": 0.0, "high": 5.0},
                "steps": {"type": "fixed", "value": 4},
                "hold": {"type": "fixed", "value": f"hold-{name}"},
            },
            "search": {"method": "sobol", "trials": 4, "parallel": 2, "seed": 1},
            **over,
        }
        return name

    def submit(self, name: str | None = None, *, hold: bool = False, **over: Any) -> str:
        """`study` and `send` it."""
        name = self.study(name, hold=hold, **over)
        self.send()
        return name

    def send(self, **more: Any) -> Any:
        """Send the content that `study` made, with more fields of a submission."""
        # Without what differs from test to test, because every environment has a launcher of its own.
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("TUNED_", "PYTEST_"))}
        body = {"study": self.content, "base": str(self.base), "environment": environment, "stem": "study", **more}
        return self.daemon.post("/v1/studies", body)

    def release(self, name: str) -> None:
        """Let the trials of a study go on."""
        (self.base / f"hold-{name}").unlink(missing_ok=True)

    def frozen(self, name: str, number: int, attempt: int = 1) -> bool:
        """Whether the process of an attempt stands still."""
        with contextlib.suppress(OSError):
            start = json.loads((self.home / f"runs/{name}/{number}/{attempt}/start.json").read_text())
            return Path(f"/proc/{start['pid']}/stat").read_text().rpartition(")")[2].split()[0] == "T"
        return False

    def in_background(self, call: Callable[[], Any]) -> None:
        """A request to a daemon that will be parked in it; its failure is expected."""

        def run() -> None:
            try:
                call()
            except Exception:  # noqa: BLE001 - the daemon is killed under it
                return

        self._calls.append(threading.Thread(target=run, daemon=True))
        self._calls[-1].start()

    def of_kind(self, *kinds: str) -> list[processes.Process]:
        """Living processes."""
        return [process for process in processes.of_home(self.home) if process.kind in kinds]

    def kill(self, *kinds: str) -> int:
        """Kill every process of these kinds at once; how many there were."""
        count = processes.kill_all(self.of_kind(*kinds))
        if "daemon" in kinds and self.daemon.process is not None:
            self.daemon.process.wait(DEADLINE_S)
        return count

    def wait_at_rest(self, *names: str, deadline_s: float = DEADLINE_S) -> None:
        """Until these studies have ended and nothing is live any more."""
        for name in names:
            self.daemon.wait_ended(name, deadline_s)
        for call in self._calls:
            call.join(DEADLINE_S)
        self._calls.clear()

    def close(self) -> None:
        """End everything."""
        self.disarm()
        if self.daemon.process is not None and self.daemon.process.poll() is None:
            self.daemon.process.kill()
            self.daemon.process.wait()
        wait_until(lambda: not processes.kill_all(processes.of_home(self.home)), "everything ends")
        shutil.rmtree(self.base, ignore_errors=True)
