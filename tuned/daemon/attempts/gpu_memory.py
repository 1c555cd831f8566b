"""GPU memory of live attempts, moved to main memory and back by `cuda-checkpoint`, NVIDIA's tool for that.

Owns the use of the tool. When memory is moved is `tuned.daemon.attempts.steering`'s to say.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Mapping

from tuned.daemon.attempts.live_attempt import LiveAttempt
from tuned.daemon.attempts.sampling import has_device_open, sample
from tuned.daemon.machine.slots import Slots
from tuned.launch.descendants import read_process

TOOL_S = 120.0
"""Seconds that moving the GPU memory of one process may take."""
STILL_S = 10.0
"""Seconds that a process may still stand still after its supervisor was told to let it go on."""
_LOOK_S = 0.02
ENV_TOOL = "TUNED_CUDA_CHECKPOINT"
"""Names the tool where it is not on PATH."""


def cuda_tool() -> str | None:
    """Path of `cuda-checkpoint`; None when it is not installed."""
    return shutil.which(os.environ.get(ENV_TOOL) or "cuda-checkpoint")


class GpuMemory:
    """Finds who has GPU memory, and moves it.

    Args:
        slots: The cards.
        live: All live attempts: none of them is somebody else's process.
    """

    def __init__(self, slots: Slots, live: Mapping[int, LiveAttempt]) -> None:
        self._slots = slots
        self._live = live

    async def holders(self, attempt: LiveAttempt) -> list[int]:
        """Its processes that use a GPU: those that the driver names, and those that have a device file open.

        In a container the driver may name processes by numbers of the host's.
        """
        families = await sample(self._slots, self._live.values())
        family = families.get(attempt.holder, ())
        named = {pid for found in self._slots.samples.values() for pid in found.processes}
        return await asyncio.to_thread(lambda: [pid for pid in sorted(family) if pid in named or has_device_open(pid)])

    async def toggle(self, pid: int) -> str:
        """Move one process's GPU memory to the other side; what went wrong, or nothing.

        A process that stands still is waited for: the tool needs its threads, and its supervisor may be
        slow to thaw it.
        """
        end = time.monotonic() + STILL_S
        while (process := read_process(pid)) is not None and process.stopped:
            if time.monotonic() > end:
                return "the process stands still"
            await asyncio.sleep(_LOOK_S)
        code, output = await self._run("--toggle", pid)
        return "" if code == 0 else output or f"exit code {code}"

    async def is_away(self, pid: int) -> bool | None:
        """Whether a process's memory is in main memory; None where the tool is too old to say."""
        code, output = await self._run("--get-state", pid)
        return {"checkpointed": True, "running": False}.get(output.strip().lower()) if code == 0 else None

    async def _run(self, action: str, pid: int) -> tuple[int, str]:
        """Exit code and the end of the output."""
        tool = cuda_tool()
        if tool is None:
            return 1, "cuda-checkpoint is gone"
        try:
            process = await asyncio.create_subprocess_exec(
                tool,
                action,
                "--pid",
                str(pid),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
        except OSError as error:
            return 1, f"{tool} cannot be run: {error.strerror}"
        try:
            async with asyncio.timeout(TOOL_S):
                output, _ = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            return 1, f"it took longer than {TOOL_S:.0f} s"
        return process.returncode or 0, output.decode(errors="replace").strip()[-200:]
