"""The launchers that run: processes under the users' interpreters that fork supervisors and trials.

Owns their start, their number and their end. Which trial is launched is the scheduler's.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

from tuned import faults, protocol
from tuned.daemon.launch.launcher import Busy, Launcher, LauncherFailed
from tuned.daemon.launch.launcher_kind import LauncherKind
from tuned.daemon.loops import in_background
from tuned.launch.bundle import keep_bundle, launcher_path

log = logging.getLogger(__name__)

IDLE_S = 600.0
"""A launcher that has launched nothing for so long ends; its trials do not notice."""

MOST = 4
"""Launchers that run at once: each holds what it has imported, which is hundreds of megabytes."""
UNUSED_S = 30.0
"""The same as `IDLE_S` where the machine is short of memory."""


class Launchers:
    """The launchers that run now, one for each kind.

    Args:
        bundle: Folder that holds the SDK and the launcher's code alone.
        logs: Folder for the launchers' own output.
        cores: So many cores for the imports of a launcher.
        most: How many may run at once, as long as one of them is idle.
    """

    def __init__(self, bundle: Path, logs: Path, cores: Callable[[int], tuple[int, ...]], most: int = MOST) -> None:
        self._bundle = bundle
        self._cores = cores
        self._logs = logs
        self._most = max(MOST, most)
        self._running: dict[LauncherKind, Launcher] = {}
        self._listeners: set[asyncio.Task[None]] = set()
        self._starting = asyncio.Lock()

    async def prepare(self, kind: LauncherKind) -> None:
        """Start the launcher of this kind ahead of need, where there is room for one more.

        Raises:
            LauncherFailed: The interpreter cannot be executed.
        """
        if kind in self._running or len(self._running) < self._most:
            await self.get(kind)

    async def get(self, kind: LauncherKind) -> Launcher:
        """The launcher of this kind, started if need be; it may still be importing. The idle one of longest makes room.

        Raises:
            LauncherFailed: The interpreter cannot be executed.
        """
        async with self._starting:
            launcher = self._running.get(kind)
            if launcher is None or not launcher.alive:
                self._make_room()
                launcher = await self._start(kind)
                self._running[kind] = launcher
            launcher.used = time.monotonic()
            return launcher

    def ready(self, kind: LauncherKind) -> Launcher | None:
        """The launcher of this kind if it could fork at once."""
        launcher = self._running.get(kind)
        if launcher is None or not launcher.alive or not launcher.ready.done() or launcher.ready.exception():
            return None
        return launcher

    async def _start(self, kind: LauncherKind) -> Launcher:
        self._logs.mkdir(parents=True, exist_ok=True, mode=0o700)
        await asyncio.to_thread(keep_bundle, str(self._bundle))
        log_path = self._logs / f"{os.urandom(4).hex()}.log"
        log_file = await asyncio.to_thread(open, log_path, "wb")
        with log_file:
            try:
                faults.check("fork", "launcher")
                process = await asyncio.create_subprocess_exec(
                    kind.python,
                    "-u",
                    launcher_path(str(self._bundle)),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=log_file,
                    env={**dict(kind.environment), **faults.environment()},
                    cwd="/",
                    start_new_session=True,
                )
            except (OSError, ValueError) as error:
                why = error.strerror if isinstance(error, OSError) else str(error)
                if isinstance(error, OSError) and error.errno in protocol.SCARCE:
                    raise Busy.of(error, kind.python) from error
                raise LauncherFailed(
                    f"cannot be executed: {why}", where=kind.python, hint="set run.python to an interpreter"
                ) from error
        launcher = Launcher(kind, process, asyncio.get_running_loop().create_future(), log_path=log_path)
        hello = {
            "preload": list(kind.preload),
            "environment": dict(kind.ahead),
            "cores": list(self._cores(kind.cores)),
        }
        with contextlib.suppress(LauncherFailed):  # it has ended: whoever waits for it is told how
            launcher.say({"hello": hello})
        in_background(launcher.listen(self._ended), self._listeners)
        log.info("launcher %d: %s, preload %s", process.pid, kind.python, ", ".join(kind.preload) or "nothing")
        return launcher

    def _ended(self, launcher: Launcher) -> None:
        if self._running.get(launcher.kind) is launcher:
            del self._running[launcher.kind]
        with contextlib.suppress(OSError):
            if launcher.process.returncode == 0:
                launcher.log_path.unlink()

    def _make_room(self) -> None:
        idle = sorted((one for one in self._running.values() if one.idle), key=lambda launcher: launcher.used)
        for launcher in idle[: max(0, len(self._running) + 1 - self._most)]:
            self.let_go(launcher)

    def end_idle(self, short: bool) -> None:
        """End those that nobody has needed for long; `short`: the machine lacks memory."""
        limit = time.monotonic() - (UNUSED_S if short else IDLE_S)
        for launcher in list(self._running.values()):
            if not launcher.waiting and launcher.used < limit:
                self.let_go(launcher)

    def let_go(self, launcher: Launcher) -> None:
        """End this one when it has answered; its supervisors and trials live on."""
        if self._running.get(launcher.kind) is launcher:
            del self._running[launcher.kind]
        if not launcher.ready.done() and launcher.alive:
            launcher.process.kill()  # an import without end reads nothing
        if launcher.process.stdin is not None:
            launcher.process.stdin.close()

    def end_starting(self) -> None:
        """End those that are still importing, so that nobody waits for them: what was to be launched goes back."""
        for launcher in list(self._running.values()):
            if not launcher.ready.done() and launcher.alive:
                with contextlib.suppress(ProcessLookupError):
                    launcher.process.kill()

    async def close(self) -> None:
        """End all launchers. Their supervisors and trials live on."""
        running = list(self._running.values())
        for launcher in running:
            self.let_go(launcher)
        if self._listeners:
            await asyncio.wait(self._listeners, timeout=5)
        for launcher in running:
            with contextlib.suppress(ProcessLookupError):
                launcher.process.kill()
