"""Processes that stand still: has supervisors freeze and thaw them, and GPU memory moved away and back.

Owns the use of `cuda-checkpoint`, NVIDIA's tool that moves a process's GPU state to main memory. Which trial is to be
frozen has been decided and committed by then.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
from collections.abc import Iterable, Sequence

from storage.engine import Database
from storage.repository import set_frozen
from tuned import protocol
from tuned.core.errors import Unavailable
from tuned.core.states import Actor
from tuned.daemon import clock
from tuned.daemon.attempts import telling
from tuned.daemon.attempts.live import Attempts
from tuned.daemon.attempts.live_attempt import LiveAttempt
from tuned.daemon.attempts.sampling import families_of
from tuned.daemon.machine.slots import Slots

log = logging.getLogger(__name__)

TOOL_S = 120.0
"""Seconds that moving the GPU memory of one process may take."""
ENV_TOOL = "TUNED_CUDA_CHECKPOINT"
"""Names the tool where it is not on PATH."""


class Freezing:
    """Freezes and thaws live attempts."""

    def __init__(self, database: Database, attempts: Attempts, slots: Slots) -> None:
        self._database = database
        self._attempts = attempts
        self._slots = slots

    @property
    def cuda_tool(self) -> str | None:
        """Path of `cuda-checkpoint`; None when it is not installed."""
        return shutil.which(os.environ.get(ENV_TOOL) or "cuda-checkpoint")

    async def carry_out(self, thawing: Iterable[int], freezing: Iterable[tuple[int, str]]) -> None:
        """Do what a verb has decided.

        Args:
            thawing: Trials, by their row, that move again.
            freezing: Trials that stand still from now on, and how: `cuda` moves their GPU memory away first.

        Raises:
            Unavailable: A trial could not be frozen; it runs on, and its row says so again.
        """
        for trial_id in thawing:
            attempt = self._attempts.live.get(trial_id)
            if attempt is not None:
                await self._thaw(attempt)
        for trial_id, how in freezing:
            attempt = self._attempts.live.get(trial_id)
            if attempt is not None:
                await self._freeze(attempt, how)

    async def _freeze(self, attempt: LiveAttempt, how: str) -> None:
        moved: list[int] = []
        try:
            if how == "cuda":
                moved = await self._move_away(attempt)
            await telling.tell_to_freeze(attempt, True, moved)
        except Unavailable:
            await self._toggle(attempt, moved)
            await self._database.writer.run(
                lambda conn: set_frozen(conn, attempt.trial_id, False, "failed", Actor.USER, clock.now())
            )
            raise

    async def _thaw(self, attempt: LiveAttempt) -> None:
        record = await asyncio.to_thread(protocol.read_record, str(attempt.run_dir), protocol.FREEZE_FILE)
        await telling.tell_to_freeze(attempt, False)
        await self._toggle(attempt, list((record or {}).get("cuda", [])))

    async def restore(self, trial_id: int) -> None:
        """Give a trial that is to end its GPU state back: without it, it could save nothing."""
        attempt = self._attempts.live.get(trial_id)
        if attempt is None:
            return
        with contextlib.suppress(OSError, protocol.RecordError, Unavailable):
            record = await asyncio.to_thread(protocol.read_record, str(attempt.run_dir), protocol.FREEZE_FILE)
            if record is not None and record["frozen"] and record.get("cuda"):
                await self._thaw(attempt)

    async def _move_away(self, attempt: LiveAttempt) -> list[int]:
        """Move the GPU state of its processes to main memory.

        Returns:
            The processes that had any.

        Raises:
            Unavailable: One could not be moved; those before it have their state back.
        """
        moved: list[int] = []
        for pid in await asyncio.to_thread(self._on_gpu, attempt):
            error = await self._run_tool(pid)
            if error:
                await self._toggle(attempt, moved)
                raise Unavailable(
                    f"cuda-checkpoint could not move its GPU memory: {error}",
                    where=attempt.holder,
                    hint="use --level checkpoint or freeze",
                )
            moved.append(pid)
        return moved

    def _on_gpu(self, attempt: LiveAttempt) -> list[int]:
        """Its processes that use a GPU: those that the driver names, and those that have a device file open.

        In a container the driver may name processes by numbers of the host's.
        """
        (family,) = families_of([attempt])
        self._slots.sample(family)
        named = {pid for sample in self._slots.samples.values() for pid in sample.processes}
        return [pid for pid in sorted(family) if pid in named or _has_device_open(pid)]

    async def _toggle(self, attempt: LiveAttempt, pids: Sequence[int]) -> None:
        for pid in pids:
            error = await self._run_tool(pid)
            if error:
                log.warning("attempt %s: the GPU memory of process %d: %s", attempt.holder, pid, error)

    async def _run_tool(self, pid: int) -> str:
        """Move one process's GPU state to the other side; what went wrong, or nothing."""
        tool = self.cuda_tool
        if tool is None:
            return "cuda-checkpoint is gone"
        process = await asyncio.create_subprocess_exec(
            tool,
            "--toggle",
            "--pid",
            str(pid),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(TOOL_S):
                output, _ = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            return f"it took longer than {TOOL_S:.0f} s"
        if process.returncode == 0:
            return ""
        return output.decode(errors="replace").strip()[-200:] or f"exit code {process.returncode}"


def _has_device_open(pid: int) -> bool:
    """Whether a process has a GPU's device file open."""
    try:
        names = os.listdir(f"/proc/{pid}/fd")  # noqa: PTH208 - names alone
        return any(os.readlink(f"/proc/{pid}/fd/{name}").startswith("/dev/nvidia") for name in names)  # noqa: PTH115
    except OSError:
        return False
