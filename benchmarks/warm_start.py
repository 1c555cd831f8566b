"""From a client's request for a trial to the first line of the user's code, and a whole short torch trial.

Owns the figures `warm-start`, `warm-start-learned` and `adam-steps`. The request is `enqueue` on a study that has
ended: HTTP, commits with their syncs, `spec.json` and the fork all count.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from statistics import median
from typing import Any

from benchmarks.figure import Figure, spread
from benchmarks.fresh_daemon import SCRIPTS, Measured, fresh_daemon
from tuned import protocol
from tuned.client import api
from tuned.wire import Enqueue

REQUESTS = 30
FRESH = 5
OBJECTIVE = {"metric": "value", "direction": "minimize"}
SPACE = {"x": {"type": "float", "low": 0.0, "high": 1.0}}
SEARCH = {"method": "random", "trials": 1}


def start_study(daemon: Measured, script: str, preload: list[str] | None) -> None:
    """Submit the study and let its first trial pass: it starts the launcher, and teaches it what to import."""
    run: dict[str, Any] = {"script": script} if preload is None else {"script": script, "preload": preload}
    daemon.submit("warm", run, objective=OBJECTIVE, space=SPACE, search=SEARCH)
    daemon.wait("warm")


def request(daemon: Measured, index: int) -> tuple[float, int]:
    """Ask for one trial and wait for the study's end; the Unix time of asking, and the trial's number."""
    asked = time.time()
    (number,) = daemon.client.send(api.enqueue("warm", Enqueue([{"x": (index + 0.5) / 1000}]))).trials
    daemon.wait("warm")
    return asked, number


def warmed(daemon: Measured) -> int:
    """Ask until a trial has started warm from a launcher that was there; how many were asked for."""
    for index in range(10):
        _, number = request(daemon, 500 + index)
        start = protocol.read_record(str(daemon.run_dir("warm", number)), protocol.START_FILE)
        if index >= 2 and start is not None and start["mode"] == "warm":
            return index + 1
        time.sleep(0.5)  # the launcher with the learned list is importing
    raise RuntimeError("no trial started warm")


def first_line(script: str, preload: list[str] | None) -> list[float]:
    """Milliseconds from request to first line, `REQUESTS` times, one after the other."""
    with fresh_daemon(slots=1) as daemon:
        start_study(daemon, script, preload)
        warmed(daemon)
        taken = []
        for index in range(REQUESTS):
            asked, number = request(daemon, index)
            taken.append((daemon.reported("warm", number, "began") - asked) * 1000)
    return taken


def warm_start() -> Figure:
    """With `preload = ["torch"]`."""
    taken = first_line("began.py", ["torch"])
    how = f"enqueue over the socket -> first line of the script, {REQUESTS} in turn, range {spread(taken)} ms"
    return Figure("warm start, preload torch", f"{median(taken):.1f} ms", "<= 25 ms", median(taken) <= 25, how)


def warm_start_learned() -> Figure:
    """With the list learned from the first trial of a script that takes optimiser steps."""
    taken = first_line("adam.py", None)
    how = f"the same with the learned list (torch, torch._dynamo, ...), range {spread(taken)} ms"
    return Figure("warm start, learned preload", f"{median(taken):.1f} ms", "<= 40 ms", median(taken) <= 40, how)


def adam_steps() -> Figure:
    """A whole trial of 50 Adam steps, warm, against `python adam.py`."""
    with fresh_daemon(slots=1) as daemon:
        start_study(daemon, "adam.py", None)
        warmed(daemon)
        warm = []
        for index in range(REQUESTS):
            asked, number = request(daemon, index)
            record = json.loads((daemon.run_dir("warm", number) / protocol.EXIT_FILE).read_text())
            warm.append(record["ended_at"] - asked)
    cold = []
    for _ in range(FRESH):
        began = time.perf_counter()
        subprocess.run([sys.executable, str(SCRIPTS / "adam.py")], check=True, stdout=subprocess.DEVNULL)
        cold.append(time.perf_counter() - began)
    ratio = median(cold) / median(warm)
    how = (
        f"request -> exit warm {median(warm) * 1000:.0f} ms ({REQUESTS} in turn), "
        f"python adam.py {median(cold) * 1000:.0f} ms ({FRESH} times)"
    )
    return Figure("50 Adam steps, fresh / warm", f"{ratio:.0f} x", ">= 20 x", ratio >= 20, how)
