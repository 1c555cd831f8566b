"""Live attempts: from the fork to the row that says how it ended.

Owns noticing: start records, appended metrics, exits, dead supervisors; each becomes one transaction.
`tuned.daemon.launch.launching` starts attempts, and `tuned.core.trials.endings` decides what an end means.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from storage import queries
from storage.engine import Database
from tuned import protocol
from tuned.core.states import TrialState
from tuned.core.trials.endings import Fate, judge
from tuned.core.trials.metric_lines import Chunk
from tuned.core.words import count
from tuned.daemon import clock, failpoints
from tuned.daemon.attempts import placed, resuming
from tuned.daemon.attempts.commits import Ending, Progress, commit_ending, commit_progress, committed_ending
from tuned.daemon.attempts.escalation import escalate
from tuned.daemon.attempts.folder_watch import FolderWatch
from tuned.daemon.attempts.gpu_memory import GpuMemory
from tuned.daemon.attempts.live_attempt import LiveAttempt
from tuned.daemon.attempts.pieces import parse_piece
from tuned.daemon.attempts.sampling import sample
from tuned.daemon.attempts.steering import Steering, notify
from tuned.daemon.files import records, run_dirs
from tuned.daemon.files.log_cap import cap_log
from tuned.daemon.files.run_dirs import Facts
from tuned.daemon.loops import Loops
from tuned.daemon.machine.slots import Slots
from tuned.launch.descendants import end_attempt

log = logging.getLogger(__name__)

SLOW_POLL_S = 5.0
"""Behind the events: how long a lost wake-up may cost."""


class Attempts:
    """Follows every live attempt until its end is committed.

    Args:
        database: The rows of the attempts.
        slots: The cards that trials use.
        ended: Called on the event loop once after an attempt's end is committed; without an ending where its trial was
            deleted before anybody had taken notice.
        loops: Counts failures.
    """

    def __init__(
        self, database: Database, slots: Slots, ended: Callable[[LiveAttempt, Ending | None], None], loops: Loops
    ) -> None:
        self._database = database
        self._slots = slots
        self._ended = ended
        self._loops = loops
        self._folders = FolderWatch()
        self._tasks: dict[asyncio.Task[None], LiveAttempt] = {}
        self.live: dict[int, LiveAttempt] = {}
        self.steering = Steering(database, self.live, GpuMemory(slots, self.live))

    @property
    def lack(self) -> str:
        """Why changes in run directories are seen late; empty when they are not."""
        return f"{self._folders.lack}, every {SLOW_POLL_S:.0f} s" if self._folders.lack else ""

    def waits_for(self, trial_id: int) -> str:
        """Why a trial has not begun yet, or not done what it was told, for people; empty when there is no reason."""
        attempt = self.live.get(trial_id)
        return "" if attempt is None else attempt.waits_for or attempt.lacks

    @property
    def lacking(self) -> list[str]:
        """Needs of live trials that the machine does not meet, for people: a line for each reason."""
        found = Counter(attempt.lacks for attempt in self.live.values() if attempt.lacks)
        return [f"{count(number, 'trial')} cannot begin: {why}" for why, number in found.items()]

    def follow(self, attempt: LiveAttempt) -> None:
        """Take care of this attempt from now on. Its run directory exists, unless it is adopted without one."""
        self.live[attempt.trial_id] = attempt
        if attempt.placing is None:
            attempt.watches = self._folders.add(attempt.run_dir, attempt.dirty.set)
        placed.begin(attempt)
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
            notify(attempt)  # it was written while nobody knew whom to tell

    def _supervisor_ended(self, attempt: LiveAttempt) -> None:
        self._close(attempt)
        attempt.supervisor_gone = True
        attempt.dirty.set()

    def _close(self, attempt: LiveAttempt) -> None:
        if attempt.pidfd is not None:
            pidfd, attempt.pidfd = attempt.pidfd, None
            asyncio.get_running_loop().remove_reader(pidfd)
            os.close(pidfd)

    async def _follow(self, attempt: LiveAttempt) -> None:
        failures, slow_look = 0, time.monotonic() + SLOW_POLL_S
        while True:
            attempt.dirty.clear()
            try:
                if time.monotonic() >= slow_look:
                    slow_look = time.monotonic() + SLOW_POLL_S
                    attempt.asked = True
                    if attempt.placing is None:
                        await asyncio.to_thread(escalate, attempt)
                if (attempt.doubtful and await self._recall(attempt)) or await self._look(attempt):
                    return
                failures = 0
            except Exception as error:  # noqa: BLE001 - one attempt in trouble must not take the others along
                self._loops.failed("following trials", error, attempt.holder)
                failures += 1
            attempt.doubtful = failures > 0
            if failures != 1:
                # After the first failure it is looked at again at once: its end may be committed, and its slot be free.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(SLOW_POLL_S if attempt.placing is None else attempt.placing.pause):
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
        attempt.asked = True
        return False

    async def _look(self, attempt: LiveAttempt) -> bool:
        await self.steering.look(attempt)
        gone = attempt.supervisor_gone
        facts = await asyncio.to_thread(
            run_dirs.look, attempt.run_dir, attempt.offset, attempt.started, attempt.inode, attempt.attempt_id
        )
        failpoints.reach("ingest.read")
        if facts.start is not None:
            failpoints.reach("start.seen")
        attempt.lacks = facts.waits
        placed.pace(attempt, facts)
        self._complain(attempt, facts)
        self._adopt_pid(attempt, facts)
        progress = await self._progress(attempt, facts)
        if facts.more:
            await self._commit(attempt, progress)
            await self.steering.look(attempt)
            attempt.dirty.set()
            return False
        if facts.exit is not None and placed.awaits_word(attempt, facts.exit):
            await self._commit(attempt, progress)
            return False
        verdict = Fate.ENDED if facts.exit is not None else attempt.over
        if verdict is not Fate.WAIT:
            await self._end(attempt, progress, facts, verdict)
            return True
        await self._commit(attempt, progress)
        await self.steering.look(attempt)
        if attempt.placing is not None:
            if attempt.forked:
                await placed.advance(attempt, attempt.placing)
                if attempt.over is not Fate.WAIT:
                    attempt.dirty.set()
        elif attempt.forked and (gone or attempt.pidfd is None):
            await self._settle(attempt)
        return False

    def _complain(self, attempt: LiveAttempt, facts: Facts) -> None:
        if facts.damaged and facts.damaged != attempt.damaged:
            log.warning("attempt %s/%d: %s", attempt.holder, attempt.attempt, facts.damaged)
        attempt.damaged = facts.damaged

    def _adopt_pid(self, attempt: LiveAttempt, facts: Facts) -> None:
        """An adopted attempt's supervisor is named by its start record."""
        record = facts.start
        if record is None or attempt.pidfd is not None or attempt.supervisor_gone or attempt.placing is not None:
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
            over = facts.exit is not None or attempt.over is not Fate.WAIT
            begin, chunk = parse_piece(facts, attempt.offset, steps, over=over)
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
            if asked is not None:
                failpoints.reach("stop.committed")
                attempt.asked = True
        self._committed(attempt, progress)

    def _committed(self, attempt: LiveAttempt, progress: Progress) -> None:
        attempt.offset, attempt.next_steps = progress.next_offset, progress.next_steps
        attempt.inode = progress.inode
        attempt.started = attempt.started or progress.start is not None

    async def _settle(self, attempt: LiveAttempt) -> None:
        """No exit record and no living supervisor that we know of: ask the lock, and end what a dead one left.

        The next look takes in the last lines of such a process; only then is the attempt over.
        """
        lock = await asyncio.to_thread(run_dirs.revoke_if_unstarted, attempt.run_dir)
        if lock == "held":
            attempt.supervisor_gone = False
            return
        if lock == "revoked":
            failpoints.reach("revoked")
        has_exit = await asyncio.to_thread(records.has_end, attempt.run_dir, attempt.attempt_id)
        verdict = judge(
            TrialState.RUNNING if attempt.started or attempt.running else TrialState.STARTING, has_exit, lock
        )
        if verdict is not Fate.ENDED:
            killed = await asyncio.to_thread(self._end_leftovers, attempt)
            if killed:
                log.warning(
                    "attempt %s/%d: ended %d processes without a supervisor", attempt.holder, attempt.attempt, killed
                )
            failpoints.reach("leftovers.ended")
            attempt.over = verdict
        attempt.dirty.set()

    def _end_leftovers(self, attempt: LiveAttempt) -> int:
        start = records.start(attempt.run_dir) or self._stored_start(attempt)
        return end_attempt(attempt.attempt_id, str(attempt.run_dir), start)

    def _stored_start(self, attempt: LiveAttempt) -> dict[str, Any] | None:
        """The start record as the database has it, for when the directory is gone or damaged."""
        with self._database.read() as conn:
            row = queries.attempt(conn, attempt.trial_id, attempt.attempt)
        return None if row is None else row["start"]

    async def _end(self, attempt: LiveAttempt, progress: Progress, facts: Facts, verdict: Fate) -> None:
        record = facts.exit
        clean = record is not None and record.get("code") == 0
        # The output says why there is no result; where there is one, nobody asks.
        tail = "" if clean and progress.next_steps else await asyncio.to_thread(run_dirs.tail, attempt.run_dir)
        reported = bool(progress.next_steps or (attempt.offset and await asyncio.to_thread(self._next_steps, attempt)))
        failpoints.reach("exit.seen")
        lost = "" if clean else await self._lost_card(attempt)
        resumption = None
        if not (clean or reported or lost):
            resumption = await asyncio.to_thread(resuming.failed, attempt, record)
        word = await placed.word_of(attempt)
        ending = await self._database.writer.run(
            lambda conn: commit_ending(
                conn, progress, verdict, record, tail, clock.now(), facts.damaged, lost, resumption, word
            )
        )
        failpoints.reach("exit.committed")
        await asyncio.to_thread(records.bring_home, attempt.run_dir, attempt.attempt_id)
        await asyncio.to_thread(cap_log, attempt.run_dir)
        await asyncio.to_thread(resuming.put_away, attempt.run_dir.parent, ending.state)
        self._finish(attempt, ending)

    async def _lost_card(self, attempt: LiveAttempt) -> str:
        """Why a card of an attempt that failed does not answer; empty when they all do."""
        cards = [slot for slot in self._slots.gpus if slot.id in attempt.device.split(",")]
        if cards:
            await sample(self._slots, self.live.values())
        return "; ".join(f"{card.label}: {why}" for card in cards if (why := self._slots.lost.get(card.id)))

    def _finish(self, attempt: LiveAttempt, ending: Ending | None) -> None:
        """Its end is committed: nobody follows it any more, and its slot is free. Once for each attempt."""
        if self.live.get(attempt.trial_id) is attempt:
            del self.live[attempt.trial_id]
        attempt.settled.set()
        if ending is not None:
            log.info("attempt %s/%d: %s %s", attempt.holder, attempt.attempt, ending.state, ending.reason)
        try:
            self._close(attempt)
            placed.end(attempt)
            self._folders.remove(attempt.watches)
            self._ended(attempt, ending)
        except Exception:
            # A committed end is not repeated, even where a file could not be put away.
            log.exception("attempt %s/%d: its end was not taken note of by all", attempt.holder, attempt.attempt)

    async def close(self) -> None:
        """Look away. The attempts live on and are adopted by the next daemon."""
        await self.steering.close()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(list(self._tasks))
        for attempt in self.live.values():
            self._close(attempt)
        self._folders.close()
