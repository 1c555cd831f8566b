"""Live attempts: from the fork to the row that says how it ended.

Owns noticing: start records, appended metrics, exits, dead supervisors; each becomes one transaction. Who starts an
attempt is the launch's work (`tuned.daemon.launching`), what an end means is decided in `tuned.core.endings`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from asyncinotify import Watch

from storage import queries
from storage.engine import Database
from tuned import protocol
from tuned.core.endings import Verdict, judge
from tuned.core.metric_lines import Chunk, parse_chunk
from tuned.core.states import TrialState
from tuned.daemon import failpoints, leftovers, run_dirs
from tuned.daemon.commit_attempt import Ending, Progress, commit_ending, commit_progress
from tuned.daemon.folder_watch import FolderWatch
from tuned.daemon.run_dirs import Facts

log = logging.getLogger(__name__)

SLOW_POLL_S = 5.0
"""Behind the events: how long a lost wake-up may cost."""


@dataclass(eq=False)
class LiveAttempt:
    """One attempt that holds a slot.

    Attributes:
        offset: Bytes of the metrics file whose observations are committed.
        next_steps: Metric name -> step of a line that has none; None until read from the database.
        forked: Whether a supervisor may be alive: set once the launcher has answered, or at adoption.
        pidfd: The supervisor's; None while unknown or gone.
        samples: Measurements of the device that wait for the next commit.
    """

    trial_id: int
    study: str
    number: int
    attempt: int
    attempt_id: str
    run_dir: Path
    device: str
    started: bool = False
    offset: int = 0
    next_steps: dict[str, int] | None = None
    forked: bool = False
    pidfd: int | None = None
    supervisor_gone: bool = False
    claimed_at: float = 0.0
    samples: list[tuple[str, float, float, float | None]] = field(default_factory=list)
    dirty: asyncio.Event = field(default_factory=asyncio.Event)
    watches: list[Watch] = field(default_factory=list)

    @property
    def holder(self) -> str:
        """`STUDY/NUMBER`."""
        return f"{self.study}/{self.number}"


class Attempts:
    """Follows every live attempt until its end is committed.

    Args:
        ended: Called on the event loop after an attempt's end is committed.
    """

    def __init__(self, database: Database, ended: Callable[[LiveAttempt, Ending], None]) -> None:
        self._database = database
        self._ended = ended
        self._folders = FolderWatch()
        self._tasks: dict[asyncio.Task[None], LiveAttempt] = {}
        self.live: dict[int, LiveAttempt] = {}

    def follow(self, attempt: LiveAttempt) -> None:
        """Take care of this attempt from now on. Its run directory exists, unless it is adopted without one."""
        self.live[attempt.trial_id] = attempt
        attempt.watches = self._folders.add(attempt.run_dir, attempt.dirty.set)
        task = asyncio.create_task(self._follow(attempt), name=f"attempt {attempt.holder}")
        self._tasks[task] = attempt
        task.add_done_callback(lambda done: self._tasks.pop(done, None))

    def forked(self, attempt: LiveAttempt, supervisor: int | None) -> None:
        """The launcher has answered; None: whether a supervisor lives must be seen in the directory."""
        attempt.forked = True
        if supervisor is not None:
            self._open(attempt, supervisor)
        else:
            attempt.supervisor_gone = True
        attempt.dirty.set()

    def _open(self, attempt: LiveAttempt, pid: int) -> None:
        try:
            attempt.pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            attempt.supervisor_gone = True
            return
        asyncio.get_running_loop().add_reader(attempt.pidfd, self._supervisor_ended, attempt)
        if (attempt.run_dir / protocol.STOP_FILE).exists():
            self.notify_stop(attempt.trial_id)  # it was written while nobody knew whom to tell

    def _supervisor_ended(self, attempt: LiveAttempt) -> None:
        self._close(attempt)
        attempt.supervisor_gone = True
        attempt.dirty.set()

    def _close(self, attempt: LiveAttempt) -> None:
        if attempt.pidfd is not None:
            asyncio.get_running_loop().remove_reader(attempt.pidfd)
            os.close(attempt.pidfd)
            attempt.pidfd = None

    def notify_stop(self, trial_id: int) -> None:
        """Have the supervisor look at `stop.json`."""
        attempt = self.live.get(trial_id)
        if attempt is not None and attempt.pidfd is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(attempt.pidfd, signal.SIGUSR1)

    async def _follow(self, attempt: LiveAttempt) -> None:
        ended = False
        while not ended:
            attempt.dirty.clear()
            try:
                ended = await self._look(attempt)
            except Exception:
                # One attempt in trouble must not take the others along; it is looked at again by the slow poll.
                log.exception("attempt %s: could not be followed this time", attempt.holder)
            if not ended:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(attempt.dirty.wait(), SLOW_POLL_S)

    async def _look(self, attempt: LiveAttempt) -> bool:
        gone = attempt.supervisor_gone
        facts = await asyncio.to_thread(run_dirs.look, attempt.run_dir, attempt.offset, attempt.started)
        failpoints.reach("ingest.read")
        self._adopt_pid(attempt, facts)
        progress = await self._progress(attempt, facts)
        if facts.more:
            await self._commit(attempt, progress)
            attempt.dirty.set()
            return False
        verdict = Verdict.WAIT
        if facts.exit is not None:
            verdict = Verdict.ENDED
        elif attempt.forked and (gone or attempt.pidfd is None):
            verdict = await self._probe(attempt)
        if verdict is Verdict.WAIT:
            await self._commit(attempt, progress)
            return False
        await self._end(attempt, progress, facts, verdict)
        return True

    def _adopt_pid(self, attempt: LiveAttempt, facts: Facts) -> None:
        """An adopted attempt's supervisor is named by its start record."""
        record = facts.start
        if record is None or attempt.pidfd is not None or attempt.supervisor_gone:
            return
        pid = int(record["supervisor_pid"])
        if protocol.process_start_time(pid) == record["supervisor_start"]:
            self._open(attempt, pid)

    async def _progress(self, attempt: LiveAttempt, facts: Facts) -> Progress:
        chunk = Chunk()
        if facts.data:
            if attempt.next_steps is None:
                attempt.next_steps = await asyncio.to_thread(self._next_steps, attempt)
            chunk = parse_chunk(facts.data, attempt.offset, attempt.next_steps)
        if facts.shrunk:
            log.warning("attempt %s: its metrics file is shorter than what was read of it", attempt.holder)
        samples, attempt.samples = attempt.samples, []
        return Progress(
            attempt.trial_id, attempt.attempt, attempt.offset, None if attempt.started else facts.start, chunk, samples
        )

    def _next_steps(self, attempt: LiveAttempt) -> dict[str, int]:
        with self._database.read() as conn:
            return queries.next_auto_steps(conn, attempt.trial_id, attempt.attempt)

    async def _commit(self, attempt: LiveAttempt, progress: Progress) -> None:
        if progress.empty:
            return
        await self._database.writer.run(lambda conn: commit_progress(conn, progress, time.time()))
        failpoints.reach("ingest.committed")
        self._committed(attempt, progress)

    def _committed(self, attempt: LiveAttempt, progress: Progress) -> None:
        attempt.offset += progress.chunk.consumed
        attempt.started = attempt.started or progress.start is not None

    async def _probe(self, attempt: LiveAttempt) -> Verdict:
        """No exit record and no living supervisor that we know of: ask the lock."""
        lock = await asyncio.to_thread(run_dirs.revoke_if_unstarted, attempt.run_dir)
        if lock == "held":
            attempt.supervisor_gone = False
            return Verdict.WAIT
        has_exit = (attempt.run_dir / protocol.EXIT_FILE).exists()
        state = TrialState.RUNNING if attempt.started else TrialState.STARTING
        return judge(state, has_exit, lock)

    async def _end(self, attempt: LiveAttempt, progress: Progress, facts: Facts, verdict: Verdict) -> None:
        record, start = facts.exit, progress.start
        if verdict is Verdict.ENDED and record is None:
            attempt.dirty.set()  # it appeared while we looked: take its last metrics first
            again = await asyncio.to_thread(run_dirs.look, attempt.run_dir, attempt.offset, attempt.started)
            progress = await self._progress(attempt, again)
            record, start = again.exit, progress.start
        if verdict is not Verdict.ENDED:
            if start is None and attempt.run_dir.is_dir():
                start = protocol.read_record(str(attempt.run_dir), protocol.START_FILE)
            await asyncio.to_thread(leftovers.end, attempt.attempt_id, start)
        clean = record is not None and record.get("code") == 0
        tail = "" if clean else await asyncio.to_thread(run_dirs.tail, attempt.run_dir)
        failpoints.reach("exit.seen")
        ending = await self._database.writer.run(
            lambda conn: commit_ending(conn, progress, verdict, record, tail, time.time())
        )
        failpoints.reach("exit.committed")
        self._committed(attempt, progress)
        self._close(attempt)
        self._folders.remove(attempt.watches)
        if self.live.get(attempt.trial_id) is attempt:
            del self.live[attempt.trial_id]
        log.info("attempt %s/%d: %s %s", attempt.holder, attempt.attempt, ending.state, ending.reason)
        self._ended(attempt, ending)

    async def close(self) -> None:
        """Look away. The attempts live on and are adopted by the next daemon."""
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(list(self._tasks))
        for attempt in self.live.values():
            self._close(attempt)
        self._folders.close()
