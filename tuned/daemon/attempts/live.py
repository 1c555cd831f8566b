"""Live attempts: from the fork to the row that says how it ended.

Owns noticing: start records, appended metrics, exits, dead supervisors; each becomes one transaction. Who starts an
attempt is the launch's work (`tuned.daemon.launch.launching`), what an end means is decided in `tuned.core.endings`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asyncinotify import Watch

from storage import queries
from storage.engine import Database
from tuned import protocol
from tuned.core.endings import Verdict, judge
from tuned.core.errors import TunedError, Unavailable
from tuned.core.metric_lines import Chunk, parse_chunk
from tuned.core.states import StopReason, TrialState
from tuned.daemon import clock, failpoints
from tuned.daemon.attempts.commits import Ending, Progress, commit_ending, commit_progress, committed_ending
from tuned.daemon.attempts.folder_watch import FolderWatch
from tuned.daemon.files import run_dirs
from tuned.daemon.files.run_dirs import Facts
from tuned.launch.descendants import end_attempt

log = logging.getLogger(__name__)

SLOW_POLL_S = 5.0
"""Behind the events: how long a lost wake-up may cost."""


@dataclass(eq=False)
class LiveAttempt:
    """One attempt that holds a slot.

    Attributes:
        port: The TCP port that is its alone; 0: none, or an adopted attempt's, which is not known.
        offset: Bytes of the metrics file whose observations are committed.
        next_steps: Metric name -> step of a line that has none; None until read from the database.
        running: Whether the row is known to say so, of an adopted attempt before its start record is read again.
        inode: The metrics file's when it was read last; 0 before.
        forked: Whether a supervisor may be alive: set once the launcher has answered, or at adoption.
        over: What was found once nobody held the lock; `WAIT` until then.
        damaged: What was said to be wrong with its directory, so that it is said once.
        stop, told: Why it is to end, and what of that stands in its `stop.json`.
        pidfd: The supervisor's; None while unknown or gone. `supervisor` is its process id, if it was ever known.
        doubtful: Whether a look failed, so that what was committed of it is to be read from the database.
        cut_off: Whether the attempt before it was given back because its launch was cut off.
        samples: Measurements of the device that wait for the next commit.
    """

    trial_id: int
    study: str
    number: int
    attempt: int
    attempt_id: str
    run_dir: Path
    device: str
    port: int = 0
    started: bool = False
    offset: int = 0
    next_steps: dict[str, int] | None = None
    running: bool = False
    inode: int = 0
    forked: bool = False
    over: Verdict = Verdict.WAIT
    damaged: str = ""
    stop: StopReason | None = None
    told: StopReason | None = None
    telling: asyncio.Lock = field(default_factory=asyncio.Lock)
    pidfd: int | None = None
    supervisor: int | None = None
    supervisor_gone: bool = False
    doubtful: bool = False
    claimed_at: float = 0.0
    cut_off: bool = False
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
        ended: Called on the event loop once after an attempt's end is committed; without an ending where its trial was
            deleted before anybody had taken notice.
    """

    def __init__(self, database: Database, ended: Callable[[LiveAttempt, Ending | None], None]) -> None:
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
        if attempt.pidfd is not None or self.live.get(attempt.trial_id) is not attempt:
            # The start record was quicker than the launcher's answer, or the whole attempt was. A second descriptor
            # would stay readable for ever with nobody to close it.
            return
        attempt.supervisor = pid
        try:
            attempt.pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            attempt.supervisor_gone = True
            return
        except OSError as error:
            # Without a descriptor the lock is asked at every slow poll.
            log.warning("attempt %s: its supervisor cannot be watched: %s", attempt.holder, error)
            return
        asyncio.get_running_loop().add_reader(attempt.pidfd, self._supervisor_ended, attempt)
        if any((attempt.run_dir / name).exists() for name in (protocol.STOP_FILE, protocol.FREEZE_FILE)):
            self._notify(attempt)  # it was written while nobody knew whom to tell

    def _supervisor_ended(self, attempt: LiveAttempt) -> None:
        self._close(attempt)
        attempt.supervisor_gone = True
        attempt.dirty.set()

    def _close(self, attempt: LiveAttempt) -> None:
        if attempt.pidfd is not None:
            pidfd, attempt.pidfd = attempt.pidfd, None
            asyncio.get_running_loop().remove_reader(pidfd)
            os.close(pidfd)

    async def tell_to_stop(self, attempt: LiveAttempt, reason: StopReason) -> bool:
        """Write `stop.json` and have the supervisor look at it.

        Returns:
            False when it could not be written now; it is tried again at every look.
        """
        attempt.stop = reason
        async with attempt.telling:
            reason = attempt.stop
            record = {"reason": reason.value, "at": clock.now()}
            try:
                await asyncio.to_thread(protocol.write_record, str(attempt.run_dir), protocol.STOP_FILE, record)
            except OSError as error:
                log.warning("attempt %s cannot be told to stop: %s", attempt.holder, error)
                return False
            attempt.told = reason
        failpoints.reach("stop.written")
        self._notify(attempt)
        return True

    async def tell_to_freeze(self, attempt: LiveAttempt, frozen: bool, cuda: list[int] | None = None) -> None:
        """Have its processes stand still, or move again.

        Args:
            attempt: The attempt.
            frozen: Which of the two.
            cuda: Processes whose GPU state was moved to main memory.

        Raises:
            Unavailable: It could not be written.
        """
        record = {"frozen": frozen, "at": clock.now(), "cuda": cuda or []}
        try:
            await asyncio.to_thread(protocol.write_record, str(attempt.run_dir), protocol.FREEZE_FILE, record)
        except OSError as error:
            raise Unavailable(f"cannot be told: {error.strerror}", where=attempt.holder) from error
        self._notify(attempt)

    def _notify(self, attempt: LiveAttempt) -> None:
        """Have the supervisor look at `stop.json` and `freeze.json`."""
        if attempt.pidfd is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(attempt.pidfd, signal.SIGUSR1)

    async def _follow(self, attempt: LiveAttempt) -> None:
        failures = 0
        while True:
            attempt.dirty.clear()
            try:
                if (attempt.doubtful and await self._recall(attempt)) or await self._look(attempt):
                    return
                failures = 0
            except (TunedError, OSError) as error:
                # A full disk, a folder that may not be entered: nothing that a traceback would explain.
                log.warning("attempt %s: could not be followed this time: %s", attempt.holder, error)
                failures += 1
            except Exception:
                # One attempt in trouble must not take the others along.
                log.exception("attempt %s: could not be followed this time", attempt.holder)
                failures += 1
            attempt.doubtful = failures > 0
            if failures != 1:
                # After the first failure it is looked at again at once: its end may be committed, and its slot be free.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(SLOW_POLL_S):
                        await attempt.dirty.wait()

    async def _recall(self, attempt: LiveAttempt) -> bool:
        """After a failure nobody knows what of it was committed: the database does. Whether its end was."""

        def read() -> tuple[queries.LiveAttempt | None, Ending | None]:
            with self._database.read() as conn:
                row = next((row for row in queries.live(conn) if row.attempt_id == attempt.attempt_id), None)
                return row, None if row is not None else committed_ending(conn, attempt.trial_id, attempt.attempt)

        row, ending = await asyncio.to_thread(read)
        if row is None:
            self._finish(attempt, ending)
            return True
        attempt.offset, attempt.next_steps = row.ingest_offset, None
        attempt.started, attempt.running = False, row.started
        attempt.stop = attempt.stop or row.trial.stop_reason
        return False

    async def _look(self, attempt: LiveAttempt) -> bool:
        gone = attempt.supervisor_gone
        facts = await asyncio.to_thread(
            run_dirs.look, attempt.run_dir, attempt.offset, attempt.started, attempt.inode, attempt.attempt_id
        )
        failpoints.reach("ingest.read")
        if facts.start is not None:
            failpoints.reach("start.seen")
        self._complain(attempt, facts)
        self._adopt_pid(attempt, facts)
        progress = await self._progress(attempt, facts)
        if facts.more:
            await self._commit(attempt, progress)
            await self._tell_if_due(attempt)
            attempt.dirty.set()
            return False
        verdict = Verdict.ENDED if facts.exit is not None else attempt.over
        if verdict is not Verdict.WAIT:
            await self._end(attempt, progress, facts, verdict)
            return True
        await self._commit(attempt, progress)
        await self._tell_if_due(attempt)
        if attempt.forked and (gone or attempt.pidfd is None):
            await self._settle(attempt)
        return False

    def _complain(self, attempt: LiveAttempt, facts: Facts) -> None:
        if facts.damaged and facts.damaged != attempt.damaged:
            log.warning("attempt %s/%d: %s", attempt.holder, attempt.attempt, facts.damaged)
        attempt.damaged = facts.damaged

    def _adopt_pid(self, attempt: LiveAttempt, facts: Facts) -> None:
        """An adopted attempt's supervisor is named by its start record."""
        record = facts.start
        if record is None or attempt.pidfd is not None or attempt.supervisor_gone:
            return
        pid = int(record["supervisor_pid"])
        if record["boot_id"] == protocol.boot_id() and protocol.process_start_time(pid) == record["supervisor_start"]:
            self._open(attempt, pid)

    async def _progress(self, attempt: LiveAttempt, facts: Facts) -> Progress:
        chunk, steps, begin, note = Chunk(), attempt.next_steps, attempt.offset, ""
        if facts.replaced:
            steps, begin = {}, 0
            note = f"its metrics file is another than was read up to byte {attempt.offset}: read from its beginning"
            log.warning("attempt %s/%d: %s", attempt.holder, attempt.attempt, note)
        if facts.data:
            if steps is None:
                # Nothing was read of it yet: nothing can be stored.
                steps = await asyncio.to_thread(self._next_steps, attempt) if attempt.offset else {}
            # A copy: what is not committed is parsed again.
            steps = dict(steps)
            chunk = parse_chunk(facts.data, begin, steps)
        samples, attempt.samples = attempt.samples, []
        return Progress(
            trial_id=attempt.trial_id,
            attempt=attempt.attempt,
            offset=attempt.offset,
            next_offset=begin + chunk.consumed,
            start=None if attempt.started else facts.start,
            chunk=chunk,
            samples=samples,
            note=note,
            next_steps=steps,
            inode=facts.inode,
        )

    def _next_steps(self, attempt: LiveAttempt) -> dict[str, int]:
        with self._database.read() as conn:
            return queries.next_auto_steps(conn, attempt.trial_id, attempt.attempt)

    async def _commit(self, attempt: LiveAttempt, progress: Progress) -> None:
        if not progress.empty:
            asked = await self._database.writer.run(lambda conn: commit_progress(conn, progress, clock.now()))
            failpoints.reach("ingest.committed")
            if asked is not None and attempt.stop is None:  # what a person has asked meanwhile is stronger
                failpoints.reach("stop.committed")
                attempt.stop = asked
        self._committed(attempt, progress)

    async def _tell_if_due(self, attempt: LiveAttempt) -> None:
        if attempt.stop is not attempt.told and attempt.stop is not None:
            await self.tell_to_stop(attempt, attempt.stop)

    def _committed(self, attempt: LiveAttempt, progress: Progress) -> None:
        attempt.offset, attempt.next_steps = progress.next_offset, progress.next_steps
        attempt.inode = progress.inode
        attempt.started = attempt.started or progress.start is not None

    async def _settle(self, attempt: LiveAttempt) -> None:
        """No exit record and no living supervisor that we know of: ask the lock, and end what a dead one left.

        What such a process wrote before its end is taken in by the look that follows; only then is the attempt over.
        """
        lock = await asyncio.to_thread(run_dirs.revoke_if_unstarted, attempt.run_dir)
        if lock == "held":
            attempt.supervisor_gone = False
            return
        if lock == "revoked":
            failpoints.reach("revoked")
        has_exit = not attempt.damaged and (attempt.run_dir / protocol.EXIT_FILE).exists()
        verdict = judge(
            TrialState.RUNNING if attempt.started or attempt.running else TrialState.STARTING, has_exit, lock
        )
        if verdict is not Verdict.ENDED:
            killed = await asyncio.to_thread(self._end_leftovers, attempt)
            if killed:
                log.warning(
                    "attempt %s/%d: ended %d processes without a supervisor", attempt.holder, attempt.attempt, killed
                )
            failpoints.reach("leftovers.ended")
            attempt.over = verdict
        attempt.dirty.set()

    def _end_leftovers(self, attempt: LiveAttempt) -> int:
        start = run_dirs.start_record(attempt.run_dir) or self._stored_start(attempt)
        return end_attempt(attempt.attempt_id, str(attempt.run_dir), start)

    def _stored_start(self, attempt: LiveAttempt) -> dict[str, Any] | None:
        """The start record as the database has it, for when the directory is gone or damaged."""
        with self._database.read() as conn:
            rows = queries.attempts(conn, attempt.trial_id)
        return next((row["start"] for row in rows if row["attempt"] == attempt.attempt), None)

    async def _end(self, attempt: LiveAttempt, progress: Progress, facts: Facts, verdict: Verdict) -> None:
        record = facts.exit
        clean = record is not None and record.get("code") == 0
        # The output says why there is no result; where there is one, nobody asks.
        tail = "" if clean and progress.next_steps else await asyncio.to_thread(run_dirs.tail, attempt.run_dir)
        failpoints.reach("exit.seen")
        ending = await self._database.writer.run(
            lambda conn: commit_ending(conn, progress, verdict, record, tail, clock.now(), facts.damaged)
        )
        failpoints.reach("exit.committed")
        self._finish(attempt, ending)

    def _finish(self, attempt: LiveAttempt, ending: Ending | None) -> None:
        """Its end is committed: nobody follows it any more, and its slot is free. Once for each attempt."""
        if self.live.get(attempt.trial_id) is attempt:
            del self.live[attempt.trial_id]
        if ending is not None:
            log.info("attempt %s/%d: %s %s", attempt.holder, attempt.attempt, ending.state, ending.reason)
        try:
            self._close(attempt)
            self._folders.remove(attempt.watches)
            self._ended(attempt, ending)
        except Exception:
            # What is committed is not to be ended again, whatever could not be put away.
            log.exception("attempt %s/%d: its end was not taken note of by all", attempt.holder, attempt.attempt)

    async def close(self) -> None:
        """Look away. The attempts live on and are adopted by the next daemon."""
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(list(self._tasks))
        for attempt in self.live.values():
            self._close(attempt)
        self._folders.close()
