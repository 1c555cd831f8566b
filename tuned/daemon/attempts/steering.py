"""Makes live attempts what they are wanted to be: ended, frozen, moving. Every look brings them nearer.

Owns `stop.json`, `freeze.json` and the order of what is done to one attempt. The wish is the trial's row and nothing
else: a request commits it and wakes, so that of two requests the later commit holds, whoever acts first.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace

from storage import queries
from storage.engine import Database
from storage.repository import set_frozen
from tuned import protocol
from tuned.core.errors import Unavailable
from tuned.core.states import Actor, StopReason
from tuned.core.trials.wishes import MOVES, MOVES_MEMORY, Step, Told, Wish, next_step
from tuned.daemon import clock, failpoints
from tuned.daemon.attempts import placed
from tuned.daemon.attempts.gpu_memory import TOOL_S, GpuMemory
from tuned.daemon.attempts.live_attempt import LiveAttempt

log = logging.getLogger(__name__)

REST_S = 5.0
"""Between two tries of a move of GPU memory that failed."""
SETTLE_S = 10.0
"""How long a request waits for an attempt to be told, beyond the moves of its memory."""


class Steering:
    """Acts on live attempts.

    Args:
        database: Where the wishes are.
        live: Trial id -> its live attempt.
        memory: Moves GPU memory.
    """

    def __init__(self, database: Database, live: Mapping[int, LiveAttempt], memory: GpuMemory) -> None:
        self._database = database
        self._live = live
        self._memory = memory

    async def settle(self, trial_ids: Iterable[int]) -> dict[int, Unavailable]:
        """Wake attempts whose rows have changed, and wait until they were told: for what a request can answer with.

        An attempt that is being launched, or whose folder cannot be written now, is not waited for.

        Returns:
            Trial id -> why it could not be frozen; it runs on, and its row says so.
        """
        attempts = [self._live[trial_id] for trial_id in trial_ids if trial_id in self._live]
        for attempt in attempts:
            attempt.problem, attempt.asked = None, True
            attempt.settled.clear()
            attempt.dirty.set()
        for attempt in attempts:
            await _settled(attempt)
        return {attempt.trial_id: attempt.problem for attempt in attempts if attempt.problem is not None}

    async def look(self, attempt: LiveAttempt) -> None:
        """Do what is due and can be done now.

        Raises:
            Unavailable: The row cannot be read.
        """
        async with attempt.lock:
            if attempt.unread:
                await self._know_again(attempt)
            if attempt.asked:
                await self._read_wish(attempt)
            while (step := next_step(attempt.wish, attempt.told, attempt.mover is not None)) is not None:
                if step in MOVES:
                    if time.monotonic() >= attempt.move_after:
                        attempt.mover = asyncio.create_task(self._move(attempt, step))
                    break
                if not await self._tell(attempt, step):
                    break
            if attempt.mover is None and not attempt.asked:
                attempt.settled.set()

    async def close(self) -> None:
        """Wait for moves of memory that are under way: one that is cut off would leave a process without its memory."""
        movers = [attempt.mover for attempt in self._live.values() if attempt.mover is not None]
        if movers:
            await asyncio.wait(movers, timeout=TOOL_S)

    async def _know_again(self, attempt: LiveAttempt) -> None:
        """Read the records that an earlier daemon wrote for an adopted attempt."""
        moving = await asyncio.to_thread(_read_told, attempt)
        if moving is not None:
            # The tool outlives the daemon that started it.
            before = attempt.told.moved or ()
            away = await self._memory.is_away(moving)
            if (moving not in before) if away is None else away:
                attempt.told = replace(attempt.told, moved=_with(before, moving))
            else:
                attempt.told = replace(attempt.told, moved=_without(before, moving) or None)
            with contextlib.suppress(OSError):  # the next daemon asks the tool then
                await asyncio.to_thread(_write_freeze, attempt, attempt.told)
        if attempt.told != Told():
            attempt.told_at = time.monotonic()
        attempt.unread = False

    async def _read_wish(self, attempt: LiveAttempt) -> None:
        attempt.asked = False
        try:
            found = await self._database.ask(lambda conn: queries.wish(conn, attempt.trial_id, attempt.attempt))
        except BaseException:
            attempt.asked = True
            raise
        # An attempt that has ended in the database has no wish left.
        before, attempt.wish = attempt.wish, found or Wish()
        if attempt.wish != before:
            attempt.stood = before.frozen_by == "freeze" and attempt.wish.frozen_by == MOVES_MEMORY
        if attempt.wish.frozen_by == "freeze" and attempt.told.frozen and attempt.told.moved:
            # Frozen by a version that did not keep the level.
            attempt.wish = replace(attempt.wish, frozen_by=MOVES_MEMORY)

    async def _tell(self, attempt: LiveAttempt, step: Step) -> bool:
        """Write the record of this step and have the supervisor look.

        Returns:
            False when it could not be written now; the next look tries again.
        """
        stops = step is Step.STOP
        if stops:
            after = replace(attempt.told, stop=attempt.wish.stop)
        else:
            after = replace(attempt.told, frozen=step is Step.FREEZE)
        try:
            await asyncio.to_thread(_write_stop if stops else _write_freeze, attempt, after)
        except OSError as error:
            log.warning("attempt %s cannot be asked to %s: %s", attempt.holder, step, error)
            # A folder that was removed will never hold a record: `escalation` acts in the supervisor's place.
            if attempt.placing is not None or not isinstance(error, FileNotFoundError):
                return False
        attempt.told = after
        attempt.told_at = time.monotonic()
        failpoints.reach("stop.written") if stops else failpoints.reach("freeze.written")
        notify(attempt)
        if stops:
            failpoints.reach("stop.signalled")
        return True

    async def _move(self, attempt: LiveAttempt, step: Step) -> None:
        """Move its GPU memory, in a task of its own: an end that is asked for meanwhile is told at once."""
        try:
            if step is Step.MOVE_AWAY:
                await self._move_away(attempt)
            else:
                await self._move_back(attempt)
        except Unavailable as error:
            log.warning("%s", error)
            await self._refuse(attempt, error)
        except Exception:
            log.exception("attempt %s: its GPU memory could not be moved", attempt.holder)
            attempt.move_after = time.monotonic() + REST_S
        finally:
            attempt.mover = None
            attempt.dirty.set()

    async def _move_away(self, attempt: LiveAttempt) -> None:
        """Move the memory of every process that has some.

        Raises:
            Unavailable: One could not be moved; those before it have their memory back.
        """
        for pid in await self._memory.holders(attempt):
            problem = await self._toggle(attempt, pid)
            if problem:
                await self._move_back(attempt)
                raise Unavailable(
                    f"cuda-checkpoint could not move its GPU memory: {problem}",
                    where=attempt.holder,
                    hint="use --level checkpoint or freeze",
                )
        attempt.told = replace(attempt.told, moved=attempt.told.moved or ())

    async def _move_back(self, attempt: LiveAttempt) -> None:
        """Give every process its memory back; those where that fails keep their place and are tried again."""
        for pid in attempt.told.moved or ():
            problem = await self._toggle(attempt, pid)
            if problem and protocol.process_start_time(pid) is None:
                attempt.told = replace(attempt.told, moved=_without(attempt.told.moved, pid))
            elif problem:
                log.warning("attempt %s: the GPU memory of process %d: %s", attempt.holder, pid, problem)
                attempt.move_after = time.monotonic() + REST_S
        if not attempt.told.moved:
            attempt.told = replace(attempt.told, moved=None)

    async def _toggle(self, attempt: LiveAttempt, pid: int) -> str:
        """Move one process's memory to the other side, with a record before and after: a daemon may die meanwhile.

        Returns:
            The tool's, or the disk's, complaint; empty when it was moved.
        """
        before = attempt.told.moved
        try:
            await asyncio.to_thread(_write_freeze, attempt, attempt.told, pid)
            problem = await self._memory.toggle(pid)
            if not problem:
                attempt.told = replace(
                    attempt.told, moved=_without(before, pid) if pid in (before or ()) else _with(before, pid)
                )
        except OSError as error:
            return str(error.strerror)
        with contextlib.suppress(OSError):  # the next daemon asks the tool then
            await asyncio.to_thread(_write_freeze, attempt, attempt.told)
        return problem

    async def _refuse(self, attempt: LiveAttempt, error: Unavailable) -> None:
        """The trial runs on, or stands still as before, and its row says so."""
        attempt.problem = error
        attempt.move_after = time.monotonic() + REST_S
        with contextlib.suppress(Unavailable):
            await self._database.writer.run(
                lambda conn: set_frozen(
                    conn,
                    attempt.trial_id,
                    attempt.stood,
                    "freeze" if attempt.stood else "failed",
                    Actor.USER,
                    clock.now(),
                )
            )
        attempt.asked = True


async def _settled(attempt: LiveAttempt) -> None:
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_S):
                await attempt.settled.wait()
                return
        if attempt.mover is None:
            return


def _with(pids: tuple[int, ...] | None, pid: int) -> tuple[int, ...]:
    return (*_without(pids, pid), pid)


def _without(pids: tuple[int, ...] | None, pid: int) -> tuple[int, ...]:
    return tuple(other for other in pids or () if other != pid)


def _write_stop(attempt: LiveAttempt, told: Told) -> None:
    assert told.stop is not None
    record = {"reason": told.stop.value, "at": clock.now()}
    protocol.write_record(str(attempt.run_dir), protocol.STOP_FILE, record, version=attempt.protocol)


def _write_freeze(attempt: LiveAttempt, told: Told, moving: int | None = None) -> None:
    record = {
        "frozen": told.frozen,
        "cuda": told.moved or (),
        "moved": told.moved is not None,
        "moving": moving,
        "at": clock.now(),
    }
    protocol.write_record(str(attempt.run_dir), protocol.FREEZE_FILE, record, version=attempt.protocol)


def _read_told(attempt: LiveAttempt) -> int | None:
    """The records of an earlier daemon, and which protocol the supervisor speaks.

    Returns:
        The process whose memory was on its way when that daemon died, if any.
    """
    freeze = _read(attempt, protocol.FREEZE_FILE)
    reason = _read(attempt, protocol.STOP_FILE).get("reason")
    moved = tuple(freeze.get("cuda") or ())
    attempt.told = Told(
        StopReason.recorded(reason),
        bool(freeze.get("frozen")),
        moved if freeze.get("moved", bool(moved)) else None,
    )
    attempt.protocol = int(_read(attempt, protocol.SPEC_FILE).get("protocol", protocol.PROTOCOL))
    moving = freeze.get("moving")
    return moving if isinstance(moving, int) else None


def _read(attempt: LiveAttempt, name: str) -> protocol.Record:
    try:
        return protocol.read_record(str(attempt.run_dir), name) or {}
    except (OSError, protocol.RecordError) as error:
        log.warning("attempt %s: %s", attempt.holder, error)
        return {}


def notify(attempt: LiveAttempt) -> None:
    """Have the supervisor look at `stop.json` and `freeze.json`; in a place, it also looks by itself."""
    placed.tell(attempt)
    if attempt.pidfd is not None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(attempt.pidfd, signal.SIGUSR1)
