"""A search by the daemon's own scheduler, database and advisor, over trials that take no time.

Owns what stands in for the machine: slots, and a clock that jumps to the next trial's end. Who makes a point and from
which results is decided by the code that daemons run.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import psutil
from sqlalchemy import Connection

from storage import queries, repository
from storage.engine import open_database
from tuned.advisor.messages import Ping, to_request
from tuned.core.queue.schedule import Ask
from tuned.core.search.sequence import noise
from tuned.core.space import Point, SearchSpace
from tuned.core.states import Actor
from tuned.core.study import Objective, RunSpec, SearchSpec, StudySpec
from tuned.core.trials.trial import Trial
from tuned.daemon.loops import Loops
from tuned.daemon.machine.slots import Slots
from tuned.daemon.search.advisor_process import AdvisorProcess
from tuned.daemon.search.suggesting import Suggesting
from tuned.daemon.studies.starting_over import own_points

T = TypeVar("T")
UNEVEN = 0.3
"""Trials take between this much less and this much more than their mean, so that slots are not free all at once."""


def uneven(seed: int, number: int) -> float:
    """How long a trial of this number takes, as a share of the mean."""
    return 1 + UNEVEN * (2 * noise(seed, number, "duration") - 1)


class _NoGpu:
    gpus: tuple[Any, ...] = ()
    default_gpus = 0


class Scheduled:
    """One state folder in memory, and one advisor for all searches; `close` it."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        shm = Path("/dev/shm")
        self._folder = Path(tempfile.mkdtemp(prefix="bench-search-", dir=shm if shm.is_dir() else None))
        self._database = open_database(self._folder / "tuned.db")
        self._advisor, slow = (AdvisorProcess(self._folder / f"{name}.log") for name in ("advisor", "slow"))
        self._suggesting = self._runner.run(self._made(slow))
        self._studies = 0

    async def _made(self, slow: AdvisorProcess) -> Suggesting:
        # Importing Ax is no part of what a suggestion costs.
        await self._advisor.ask(to_request(Ping()))
        return Suggesting(self._database, self._advisor, slow, cast("Slots", _NoGpu()), asyncio.Event(), Loops())

    def search(
        self,
        space: SearchSpace,
        search: SearchSpec,
        slots: int,
        value: Callable[[Point, int], float],
        lasts: Callable[[Point], float] = lambda _: 1.0,
    ) -> tuple[list[tuple[float, float]], float]:
        """What each trial gave and when it ended, and the processor seconds that choosing the points took.

        Args:
            space: To be searched.
            search: How, and how many trials.
            slots: Trials at once.
            value: A point's objective, which is minimised; it is told the trial's number.
            lasts: A point's mean duration, in any unit.
        """
        return self._runner.run(self._search(space, search, slots, value, lasts))

    async def _search(
        self,
        space: SearchSpace,
        search: SearchSpec,
        slots: int,
        value: Callable[[Point, int], float],
        lasts: Callable[[Point], float],
    ) -> tuple[list[tuple[float, float]], float]:
        self._studies += 1
        run = RunSpec("script", script="/x/train.py")
        goal = (Objective("loss", "minimize"),)
        spec = StudySpec(f"study-{self._studies}", run=run, search=search, space=space, objectives=goal)
        study = await self._do(repository.create_study, spec, {}, 0.0)
        await self._do(lambda conn: own_points(conn, queries.study_by_id(conn, study), 0.0))
        before, now = self._cpu_s(), 0.0
        running: list[tuple[float, int, Trial]] = []
        found: list[tuple[float, float]] = []
        over = False
        while True:
            while len(running) < slots and not over:
                trial = await self._next(study, slots - len(running))
                if trial is None:
                    over = True
                    break
                await self._do(repository.claim, trial.id, "cpu:0", f"{trial.id:032x}", "/gone", now)
                await self._do(repository.started, trial.id, 1, {}, now)
                ends = now + lasts(trial.params) * uneven(search.seed, trial.number)
                heapq.heappush(running, (ends, trial.number, trial))
            if not running:
                self._suggesting.forget(study)
                return found, self._cpu_s() - before
            now, number, trial = heapq.heappop(running)
            loss = value(trial.params, number)
            found.append((loss, now))
            await self._do(ended, trial.id, loss, now)

    async def _next(self, study_id: int, free: int) -> Trial | None:
        """The next queued trial, of a suggestion that is made now if need be."""
        with self._database.read() as conn:
            study = queries.study_by_id(conn, study_id)
            queued = _queued(conn, study_id)
        if not queued and (study.search.trials or math.inf) > sum(study.search_counts.values()):
            self._suggesting.begin(Ask(study_id, free if self._suggesting.by_design(study) else 1), study)
            while self._suggesting.asked(study_id):
                await asyncio.sleep(0)
                if tasks := list(self._suggesting._tasks):
                    await asyncio.wait(tasks)
            with self._database.read() as conn:
                queued = _queued(conn, study_id)
        return queued[0] if queued else None

    async def _do(self, fn: Callable[..., T], *args: Any) -> T:
        return await self._database.writer.run(lambda conn: fn(conn, *args))

    def _cpu_s(self) -> float:
        """Of the advisor."""
        times = psutil.Process(self._advisor.pid).cpu_times()
        return float(times.user + times.system)

    def close(self) -> None:
        """End the advisor and remove the folder."""
        self._runner.run(self._suggesting.close())
        self._runner.close()
        self._database.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def _queued(conn: Connection, study_id: int) -> list[Trial]:
    return [trial for trial in queries.queue_heads(conn, 100) if trial.study_id == study_id]


def ended(conn: Connection, trial_id: int, loss: float, now: float) -> None:
    """A trial that reported one loss and ran to its end."""
    repository.ingest(conn, repository.IngestBatch(trial_id, 1, 0, 1, [("loss", 0.0, loss, now)]), now)
    repository.end_attempt(
        conn, trial_id, 1, "exit_ok", Actor.REAPER, now, exit_record={}, failure=None, reason="", traceback=""
    )
