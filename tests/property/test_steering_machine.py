"""Requests that steer one attempt, two of them at once, over slow moves of GPU memory, restarts and failing writes.

The database, the run directory, the requests and the follower are the real ones; the tool that moves GPU memory is
a dictionary that says where the memory is, and it takes as long as the machine wants. Once everything is at rest, the
records and the memory are as the row wants them, whichever request came first.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from storage import queries, repository
from storage.engine import open_database
from storage.repository import NewTrial
from tests.gpus.standin import NoDriver
from tests.patience import DEADLINE_S
from tuned import protocol
from tuned.core.errors import TunedError
from tuned.core.space import Parameter, SearchSpace
from tuned.core.study import Objective, RunSpec, SearchSpec, StudySpec
from tuned.core.trials.wishes import MOVES_MEMORY
from tuned.daemon.attempts import live, steering
from tuned.daemon.attempts.gpu_memory import ENV_TOOL, GpuMemory
from tuned.daemon.attempts.live import Attempts
from tuned.daemon.attempts.live_attempt import LiveAttempt
from tuned.daemon.files import run_dirs
from tuned.daemon.http.context import Context
from tuned.daemon.loops import Loops
from tuned.daemon.machine.slots import Slots
from tuned.daemon.verbs import acting, pausing

SPEC = StudySpec(
    "steered",
    run=RunSpec("script", script="/x/train.py"),
    search=SearchSpec(trials=1, seed=7),
    space=SearchSpace((Parameter("lr", "float", 0.0, 1.0),)),
    objectives=(Objective("loss", "minimize"),),
)
TARGET = ["steered/1"]
STEERS = st.sampled_from(("freeze", "cuda", "resume", "resume", "cuda", "pause", "cancel", "kill"))


class Tool(GpuMemory):
    """The tool: every toggle waits until it is let go."""

    def __init__(self) -> None:
        self.away = False
        self.waiting: list[asyncio.Future[str]] = []
        self.patient = True

    async def holders(self, attempt: LiveAttempt) -> list[int]:
        return [os.getpid()]

    async def toggle(self, pid: int) -> str:
        problem = ""
        if self.patient:
            self.waiting.append(asyncio.get_running_loop().create_future())
            try:
                problem = await self.waiting[-1]
            except asyncio.CancelledError:
                self.away = not self.away  # the tool outlives the daemon
                raise
        if not problem:
            self.away = not self.away
        return problem

    async def is_away(self, pid: int) -> bool | None:
        return self.away


class Steered(RuleBasedStateMachine):
    """One running attempt and those who steer it."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="tuned-steered-"))
        self.runner = asyncio.Runner()
        self.tool = Tool()
        self.requests: list[asyncio.Task[Any]] = []
        self.patches = contextlib.ExitStack()
        self.patches.enter_context(mock.patch.object(live, "SLOW_POLL_S", 0.02))
        self.patches.enter_context(mock.patch.object(steering, "REST_S", 0.0))
        self.patches.enter_context(mock.patch.dict(os.environ, {ENV_TOOL: "/bin/true"}))
        self.database = open_database(self.folder / "tuned.db")
        self.run_dir = self.folder / "runs/steered/1/1"
        self.trial_id = self.database.writer.submit(self._begin).result(DEADLINE_S)
        run_dirs.create(self.run_dir, {"attempt_id": "a"})
        self._do(self._follow(adopted=False))

    def _begin(self, conn: Any) -> int:
        study_id = repository.create_study(conn, SPEC, {}, 1.0)
        repository.add_trials(conn, study_id, [NewTrial({"lr": 0.5}, "user")], 1.0)
        (trial,) = queries.trials(conn, study_id)
        repository.claim(conn, trial.id, "cpu:0", "a", str(self.run_dir.parent), 1.0)
        repository.started(conn, trial.id, 1, {}, 1.0)
        return trial.id

    def _do(self, work: Any) -> Any:
        return self.runner.run(work)

    async def _follow(self, *, adopted: bool) -> None:
        self.threads = ThreadPoolExecutor(2)
        asyncio.get_running_loop().set_default_executor(self.threads)
        self.attempts = Attempts(self.database, Slots(NoDriver(), 1), lambda *_: None, Loops())
        self.attempts.steering._memory = self.tool
        others: dict[str, Any] = {part.name: None for part in fields(Context) if part.default is MISSING}
        self.given = Context(**{**others, "database": self.database, "attempts": self.attempts})
        self.attempt = LiveAttempt(
            self.trial_id, "steered", 1, 1, "a", self.run_dir, "cpu:0", running=True, unread=adopted
        )
        self.attempts.follow(self.attempt)

    async def _request(self, what: str) -> None:
        # It may be refused: another was quicker.
        with contextlib.suppress(TunedError):
            if what in ("freeze", "cuda"):
                await pausing.pause(self.given, TARGET, what)
            elif what == "pause":
                await pausing.pause(self.given, TARGET, "restart")
            else:
                await acting.act(self.given, what, TARGET)

    async def _a_moment(self) -> None:
        """Until everything waits for the tool or for another request, and was looked at once more then."""
        for _ in range(2):
            await asyncio.sleep(0)
            await self.database.writer.run(lambda _: None)  # the requests before it are committed now
            async with asyncio.timeout(DEADLINE_S):
                await asyncio.sleep(0.002)
                while self._at_work():  # noqa: ASYNC110 - no event tells of all of this
                    await asyncio.sleep(0.001)
            self.attempt.dirty.set()

    def _at_work(self) -> bool:
        moves = self.attempt.mover is not None and not self.tool.waiting
        return self.attempt.asked or self.attempt.lock.locked() or moves

    @rule(what=STEERS)
    def one_request(self, what: str) -> None:
        self._do(self._send(what))

    @rule(one=STEERS, other=STEERS)
    def two_requests_at_once(self, one: str, other: str) -> None:
        self._do(self._send(one, other))

    async def _send(self, *whats: str) -> None:
        self.requests += [asyncio.create_task(self._request(what)) for what in whats]
        await self._a_moment()

    @rule(problem=st.sampled_from(("", "", "", "no memory")))
    def the_tool_ends(self, problem: str) -> None:
        self._do(self._let_go(problem))

    async def _let_go(self, problem: str = "") -> None:
        if self.tool.waiting:
            self.tool.waiting.pop(0).set_result(problem)
        await self._a_moment()

    @rule()
    def the_folder_cannot_be_written_for_a_while(self) -> None:
        hidden = self.run_dir.with_name("hidden")
        if self.run_dir.exists():
            self.run_dir.rename(hidden)
        else:
            hidden.rename(self.run_dir)

    @rule()
    def the_daemon_is_killed_and_started(self) -> None:
        self._do(self._restart())

    async def _restart(self) -> None:
        died = [*self.requests, *self.attempts._tasks]
        self.requests.clear()
        for task in died:
            task.cancel()
        if died:
            await asyncio.wait(died)
        if (mover := self.attempt.mover) is not None:
            mover.cancel()
            await asyncio.wait([mover])
        self.tool.waiting.clear()
        await self.attempts.close()
        self.threads.shutdown()  # a killed daemon's threads write nothing afterwards
        await self._follow(adopted=True)

    @rule()
    def at_rest_everything_is_as_the_row_wants(self) -> None:
        if not self.run_dir.exists():
            self.run_dir.with_name("hidden").rename(self.run_dir)
        self.tool.patient = False
        self._do(self._rest())
        self.tool.patient = True
        with self.database.read() as conn:
            trial = queries.trial_by_id(conn, self.trial_id)
            wish = queries.wish(conn, self.trial_id, 1)
        assert wish is not None
        stop = protocol.read_record(str(self.run_dir), protocol.STOP_FILE)
        freeze = protocol.read_record(str(self.run_dir), protocol.FREEZE_FILE) or {"frozen": False, "cuda": []}
        assert (stop or {}).get("reason") == trial.stop_reason
        assert freeze["frozen"] == (trial.frozen and trial.stop_reason is None)
        away = wish.frozen_by == MOVES_MEMORY and wish.stop is None
        assert self.tool.away == away
        assert freeze["cuda"] == ([os.getpid()] if away else [])

    async def _rest(self) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not all(request.done() for request in self.requests) or self._busy():
                for waiting in self.tool.waiting:
                    waiting.set_result("")
                self.tool.waiting.clear()
                self.attempt.dirty.set()
                await asyncio.sleep(0.002)
        for request in self.requests:
            request.result()
        self.requests.clear()

    def _busy(self) -> bool:
        attempt = self.attempt
        quiet = not attempt.asked and attempt.mover is None and not attempt.lock.locked() and not attempt.unread
        return not quiet or steering.next_step(attempt.wish, attempt.told, moving=False) is not None

    def teardown(self) -> None:
        self.at_rest_everything_is_as_the_row_wants()
        self._do(self.attempts.close())
        self.runner.close()
        self.database.close()
        self.patches.close()
        shutil.rmtree(self.folder, ignore_errors=True)


TestSteered = Steered.TestCase
TestSteered.settings = settings(
    max_examples=15, stateful_step_count=12, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def test_the_record_of_memory_that_came_back_while_no_daemon_lived() -> None:
    steered = Steered()
    steered.one_request("cuda")
    steered.the_tool_ends("")
    steered.one_request("resume")
    steered.the_daemon_is_killed_and_started()
    steered.teardown()
