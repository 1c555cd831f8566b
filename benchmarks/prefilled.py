"""Whether a trial costs the daemon more CPU when there are very many already.

Owns the figure `prefilled`. The hardest case is measured: the trials that are there already belong to the study that
goes on. They are written by the storage layer's own functions while no daemon runs; what the daemon does once at its
start (looking through the run directories, a backup) is over before the study is resumed.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import TypeVar

from sqlalchemy import Connection

from benchmarks.figure import Figure, spread
from benchmarks.fresh_daemon import Measured, running, state_folder
from benchmarks.warm_start import OBJECTIVE, SPACE
from storage import queries, repository
from storage.engine import open_database
from tuned.client import api
from tuned.core.states import Actor
from tuned.wire import EventRow

FEW, MANY = 1_000, 20_000
TRIALS, RUN_IN, ROUNDS = 200, 10, 5
POINTS = 10
CHUNK = 500

T = TypeVar("T")


def prefilled() -> Figure:
    """Daemon CPU a trial among 20,000 trials over that among 1,000."""
    taken: dict[int, list[float]] = {FEW: [], MANY: []}
    with state_folder() as folder:
        begun(folder / "begun")
        for count in taken:
            shutil.copytree(folder / "begun", folder / str(count), symlinks=True)
            fill(folder / str(count) / "tuned.db", count)
        for _ in range(ROUNDS):
            for count, costs in taken.items():
                shutil.copytree(folder / str(count), folder / "run", symlinks=True)
                costs.append(cost_ms(folder / "run"))
                shutil.rmtree(folder / "run")
    ratio = median(taken[MANY]) / median(taken[FEW])
    how = (
        f"{TRIALS} no-op trials in a study that has {MANY:,} ({median(taken[MANY]):.1f} ms each, range "
        f"{spread(taken[MANY])}) or {FEW:,} ({median(taken[FEW]):.1f} ms, {spread(taken[FEW])}); {ROUNDS} times in turn"
    )
    return Figure("daemon CPU a trial, 20,000 / 1,000", f"{ratio:.2f} x", "<= 1.20 x", ratio <= 1.2, how)


def begun(home: Path) -> None:
    """A state folder with the study and its first trial."""
    with running(home) as daemon:
        daemon.submit(
            "many",
            {"script": "noop.py", "preload": []},
            objective=OBJECTIVE,
            space=SPACE,
            search={"method": "random", "trials": 1, "parallel": 2},
        )
        daemon.wait("many")


def fill(path: Path, count: int) -> None:
    """Add ended trials with their metrics, and re-open the study for 200 more."""
    database = open_database(path)
    try:
        for first in range(0, count, CHUNK):
            database.writer.submit(partial(add_ended, first, min(CHUNK, count - first))).result()
        database.writer.submit(partial(reopen, 1 + count + TRIALS)).result()
    finally:
        database.close()


def add_ended(first: int, count: int, conn: Connection) -> None:
    """Trials that went all the way from queued to completed."""
    study = found(queries.study(conn, "many"))
    now = time.time()
    new = [repository.NewTrial(params={"x": (first + i + 0.5) / 1e6}, origin="random") for i in range(count)]
    for number in repository.add_trials(conn, study.id, new, now):
        trial = found(queries.trial(conn, study.id, number))
        attempt = repository.claim(conn, trial.id, "cpu:0", f"{number:032x}", f"/gone/many/{number}", now)
        repository.started(conn, trial.id, attempt, {}, now)
        points = [("value", float(step), 1.0 + number / (1 + step), now) for step in range(POINTS)]
        repository.ingest(conn, repository.IngestBatch(trial.id, attempt, 0, 1, points), now)
        repository.end_attempt(
            conn, trial.id, attempt, "exit_ok", Actor.REAPER, now, exit_record={}, failure=None, reason="", traceback=""
        )


def reopen(trials: int, conn: Connection) -> None:
    """Let the study go on to so many trials, once it is resumed."""
    study = found(queries.study(conn, "many"))
    spec = replace(study.spec, search=replace(study.spec.search, trials=trials))
    repository.update_spec(conn, study.id, spec, time.time())
    repository.move_study(conn, study.id, "reopen", Actor.USER, time.time())
    repository.move_study(conn, study.id, "pause", Actor.USER, time.time())


def found(row: T | None) -> T:
    """The row, which must be there."""
    if row is None:
        raise LookupError("the prefilled study is incomplete")
    return row


def settle(daemon: Measured) -> None:
    """Wait until the daemon has nothing to do: no more than one clock tick of CPU within a second."""
    before = daemon.cpu_seconds()
    for _ in range(60):
        time.sleep(1)
        now = daemon.cpu_seconds()
        if now - before <= 0.011:
            return
        before = now
    raise TimeoutError("the daemon does not come to rest")


def cost_ms(home: Path) -> float:
    """CPU milliseconds that the daemon spends on a trial, once it is under way."""
    with running(home) as daemon:
        settle(daemon)
        ended, at_first, at_last = 0, 0.0, 0.0

        def done(event: EventRow | None) -> bool:
            nonlocal ended, at_first, at_last
            if event is None:
                daemon.client.send(api.act("resume", ["many"]))
                return False
            if event.type != "trial.moved" or event.data["to"] != "completed":
                return False
            ended += 1
            if ended == RUN_IN:
                at_first = daemon.cpu_seconds()
            at_last = daemon.cpu_seconds()
            return ended >= TRIALS - RUN_IN

        daemon.until("many", done)
        return 1000 * (at_last - at_first) / (TRIALS - 2 * RUN_IN)
