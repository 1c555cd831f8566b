"""A daemon of its own for one measurement, and the few things that measurements do with it.

Owns the temporary state folder and the daemon's life. It lies where `TUNED_BENCH_DIR` says, else in `/var/tmp`,
because a folder in memory would hide what a sync costs.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import monotonic, perf_counter
from typing import Any

import psutil

from tuned.client import api
from tuned.client.autostart import ensure_daemon
from tuned.client.http import Client
from tuned.client.stream import follow
from tuned.client.study_source import submission_of
from tuned.core.errors import TunedError
from tuned.home import Home, home_at
from tuned.protocol import METRICS_FILE
from tuned.wire import EventRow, TrialRow

SCRIPTS = Path(__file__).resolve().parent / "scripts"
PATIENCE_S = 300.0
ENDED = ("completed", "stopped", "failed")


class Measured:
    """A running daemon.

    Args:
        home: Its state folder.
        slots: Trials at once.
    """

    def __init__(self, home: Home, slots: int) -> None:
        self.home = home
        self._slots = slots
        self.client = Client(home.socket)
        self.start()

    def start(self) -> None:
        """Start it and return when it answers."""
        self.pid = ensure_daemon(self.home, slots=self._slots, patience=120).pid
        self.process = psutil.Process(self.pid)

    def kill(self) -> None:
        """`kill -9`; its trials live on."""
        self.process.kill()
        self.process.wait(60)

    def stop(self) -> None:
        """End it and wait until it is gone."""
        gone = os.pidfd_open(self.pid)
        self.client.send(api.stop(stop_trials=True))
        select.select([gone], [], [], 60)
        os.close(gone)

    def cpu_seconds(self) -> float:
        """CPU time of the daemon's own process so far, user and system."""
        times = self.process.cpu_times()
        return times.user + times.system

    def submit(self, name: str, run: Mapping[str, Any], **sections: Any) -> None:
        """Submit a study; its scripts lie in `scripts/` and run under this interpreter."""
        data = {"name": name, "run": {"python": sys.executable, "resources": {"gpus": 0}, **run}, **sections}
        self.client.send(api.submit(submission_of(data, base=str(SCRIPTS))))

    def until(self, study: str, done: Callable[[EventRow | None], bool]) -> None:
        """Listen to a study's events until `done`; it is called first with None, once nothing can be missed.

        Raises:
            TimeoutError: It took too long; the message holds the study's state.
        """
        deadline = monotonic() + PATIENCE_S
        for item in follow(self.client, None, study, idle=lambda: 5.0):
            if done(item if isinstance(item, EventRow) else None):
                return
            if monotonic() > deadline:
                row = self.client.send(api.study(study)).study
                raise TimeoutError(f"{study} is {row.state} after {PATIENCE_S:.0f} s: {row.reason} {row.counts}")

    def wait(self, study: str) -> None:
        """Wait until a study has ended.

        Raises:
            TunedError: The daemon has paused it.
        """

        def ended(event: EventRow | None) -> bool:
            if event is not None and event.type != "study.moved":
                return False
            row = self.client.send(api.study(study)).study
            if row.state == "paused":
                raise TunedError(f"paused: {row.reason}", where=study)
            return row.state in ENDED

        self.until(study, ended)

    def trials(self, study: str) -> list[TrialRow]:
        """The study's trials by number, 1000 at most."""
        return self.client.send(api.trials(study, sort="number", limit=1000))

    def run_dir(self, study: str, number: int) -> Path:
        """The run directory of a trial's first attempt."""
        return self.home.runs / study / str(number) / "1"

    def reported(self, study: str, number: int, name: str) -> float:
        """The last value that a trial reported under this name, read from its own file."""
        lines = (self.run_dir(study, number) / METRICS_FILE).read_bytes().splitlines()
        return float(next(record[name] for record in map(json.loads, reversed(lines)) if name in record))


@contextmanager
def state_folder() -> Iterator[Path]:
    """A folder for state folders, removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="tuned-bench-", dir=os.environ.get("TUNED_BENCH_DIR", "/var/tmp")))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running(folder: Path, slots: int = 2) -> Iterator[Measured]:
    """A daemon on a state folder, new or not; ended together with its trials."""
    daemon = Measured(home_at(folder, "benchmark"), slots)
    try:
        yield daemon
    finally:
        daemon.stop()


@contextmanager
def fresh_daemon(slots: int = 2) -> Iterator[Measured]:
    """A daemon on a new, empty state folder."""
    with state_folder() as folder, running(folder / "home", slots) as daemon:
        yield daemon


def fsync_ms(folder: Path, times: int = 50) -> float:
    """Median milliseconds of appending 4 KiB to a file and syncing it, on the disk of `folder`."""
    taken = []
    path = folder / "fsync"
    with path.open("wb") as file:
        for _ in range(times):
            began = perf_counter()
            os.write(file.fileno(), b"x" * 4096)
            os.fsync(file.fileno())
            taken.append((perf_counter() - began) * 1000)
    path.unlink()
    return median(taken)
