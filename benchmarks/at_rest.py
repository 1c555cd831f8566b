"""Cost of a daemon at rest, and of one look at it.

Owns the figures `at-rest` and `studies-json`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median

from benchmarks.figure import Figure, spread
from benchmarks.fresh_daemon import Measured, fresh_daemon
from benchmarks.warm_start import OBJECTIVE, SPACE

SETTLE_S, WATCH_S = 5.0, 30.0
ROUNDS = 25


def some_history(daemon: Measured) -> None:
    """A study of 50 trials, so that neither a start nor an empty database is measured."""
    daemon.submit(
        "history",
        {"script": "noop.py", "preload": []},
        objective=OBJECTIVE,
        space=SPACE,
        search={"method": "random", "trials": 50},
    )
    daemon.wait("history")


def at_rest() -> list[Figure]:
    """Memory and CPU of the daemon's process while it waits for something to do."""
    with fresh_daemon() as daemon:
        some_history(daemon)
        time.sleep(SETTLE_S)
        before, began = daemon.cpu_seconds(), time.monotonic()
        time.sleep(WATCH_S)
        share = 100 * (daemon.cpu_seconds() - before) / (time.monotonic() - began)
        memory = daemon.process.memory_info().rss / 1e6
    return [
        Figure("daemon at rest, memory", f"{memory:.1f} MB", "<= 80 MB", memory <= 80, "resident set after 50 trials"),
        Figure(
            "daemon at rest, CPU",
            f"{share:.2f} %",
            "<= 0.5 %",
            share <= 0.5,
            f"CPU time of its process over {WATCH_S:.0f} s, {SETTLE_S:.0f} s after the last trial",
        ),
    ]


def studies_json() -> Figure:
    """CPU of `tunectl studies --json` above that of an interpreter that does nothing."""
    with fresh_daemon() as daemon:
        some_history(daemon)
        env = {**os.environ, "TUNED_HOME": str(daemon.home.root)}
        tunectl = os.path.join(os.path.dirname(sys.executable), "tunectl")  # noqa: PTH118, PTH120 - links kept
        full = measured(lambda: [tunectl, "studies", "--json"], env)
        bare = measured(lambda: [sys.executable, "-c", "pass"], env)
    above = median(full) - median(bare)
    how = (
        f"user + system of the process: {median(full):.0f} ms ({ROUNDS} times, range {spread(full, 0)}) "
        f"less {median(bare):.0f} ms for python -c pass"
    )
    return Figure("tunectl studies --json, CPU", f"{above:.0f} ms", "<= 90 ms", above <= 90, how)


def measured(command: Callable[[], list[str]], env: dict[str, str]) -> list[float]:
    """CPU milliseconds of a process, several times over."""
    taken = []
    for _ in range(ROUNDS):
        process = subprocess.Popen(command(), env=env, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command())
        taken.append((usage.ru_utime + usage.ru_stime) * 1000)
    return taken
