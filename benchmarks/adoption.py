"""How long a new daemon takes to have the trials in hand that a killed one left running.

Owns the figure `adoption`.
"""

from __future__ import annotations

from pathlib import Path
from statistics import median
from time import monotonic, sleep

from benchmarks.figure import Figure, spread
from benchmarks.fresh_daemon import PATIENCE_S, Measured, fresh_daemon
from benchmarks.warm_start import OBJECTIVE, SPACE
from tuned.client import api
from tuned.protocol import METRICS_FILE

RUNNING = 100
ROUNDS = 5


def adoption() -> Figure:
    """Kill the daemon of 100 running trials, let each report, start it again, wait for every report."""
    with fresh_daemon(slots=RUNNING) as daemon:
        go = daemon.home.root / "go"
        daemon.submit(
            "held",
            {"script": "held.py", "preload": []},
            objective=OBJECTIVE,
            space={**SPACE, "go": str(go)},
            search={"method": "random", "trials": RUNNING, "parallel": RUNNING},
        )
        wait_for(daemon, "value")
        taken = [adopted_again(daemon, f"meanwhile_{i}") for i in range(ROUNDS)]
        go.touch()
        daemon.wait("held")
    how = (
        "kill -9 of the daemon, one report by each trial, start; from its first answer until all reports are "
        f"in the database ({ROUNDS} times, range {spread(taken, 2)} s)"
    )
    return Figure("adoption of 100 running trials", f"{median(taken):.2f} s", "<= 1 s", median(taken) <= 1, how)


def adopted_again(daemon: Measured, name: str) -> float:
    """One round; seconds."""
    daemon.kill()
    for number in range(1, RUNNING + 1):
        report(daemon.run_dir("held", number) / METRICS_FILE, name)
    daemon.start()
    began = monotonic()
    wait_for(daemon, name)
    return monotonic() - began


def report(path: Path, name: str) -> None:
    """The files that a trial of any language writes."""
    with path.open("ab") as file:
        file.write(b'{"step": 0, "%s": 1}\n' % name.encode())


def wait_for(daemon: Measured, name: str) -> None:
    """Until every trial's report of this metric is in the database.

    Raises:
        TimeoutError: It took too long.
    """
    deadline = monotonic() + PATIENCE_S
    while len(daemon.client.send(api.metrics("held", name=name))) < RUNNING:
        if monotonic() > deadline:
            raise TimeoutError(f"{name} is not there from all {RUNNING} trials after {PATIENCE_S:.0f} s")
        sleep(0.01)
