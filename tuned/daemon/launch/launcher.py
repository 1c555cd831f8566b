"""One launcher: a process under a user's interpreter that forks supervisors and trials.

Owns its control channel: its requests, its answers, and how long both are waited for. A launcher's own work is
`tuned.launch`'s.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tuned import protocol
from tuned.core.errors import Unavailable
from tuned.daemon import failpoints
from tuned.daemon.launch.launcher_kind import LauncherKind

log = logging.getLogger(__name__)

T = TypeVar("T")

ANSWER_S = 10.0
"""How long a launcher may take to fork before it is woken, and once more before it is killed."""
READY_S = 120.0
"""The same of its imports. Trials do not wait as long for them, where they can do without."""
PATIENCE_S = 30.0
"""How long trials wait for what is imported ahead before they do without."""
JUST_USED_S = 5.0
"""Within this time somebody may be about to use it."""


class LauncherFailed(Unavailable):
    """The launcher could not be started, or died before it answered.

    Attributes:
        killed: Somebody killed it: another one may do better.
    """

    killed = False


class Busy(Unavailable):
    """The machine lacks processes, memory or descriptors just now; nothing was forked, and it may be tried later."""

    @classmethod
    def of(cls, error: OSError, program: str) -> Busy:
        """The refusal to execute a program, in words."""
        return cls(f"cannot be executed now: {error.strerror}", where=program, hint=protocol.WHEN_SCARCE)


class Refused(Exception):
    """The launcher runs, but will not fork this one; the reason is the text."""


@dataclass
class Launcher:
    """One launcher process.

    Attributes:
        ready: Done when it has imported its preload; its result is the launcher's report on that.
        importing: The module that it imports now; empty before and after.
        crashed: The module whose import ended it, and how.
        waiting: Run directory -> who waits for the answer.
    """

    kind: LauncherKind
    process: asyncio.subprocess.Process
    ready: asyncio.Future[dict[str, Any]]
    waiting: dict[str, asyncio.Future[int]] = field(default_factory=dict)
    used: float = field(default_factory=time.monotonic)
    log_path: Path = Path()
    importing: str = ""
    crashed: dict[str, str] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)

    @property
    def patience(self) -> float:
        """How much longer trials wait for its imports, in seconds: all of them together, not each anew."""
        return max(0.0, self._began + PATIENCE_S - time.monotonic())

    @property
    def failed(self) -> dict[str, str]:
        """The modules whose import began and failed, and why; of one that is importing, what takes without end."""
        if self.crashed:
            return self.crashed
        if self.importing and time.monotonic() > self._began + READY_S:
            return {self.importing: f"its import did not end within {READY_S:.0f} s"}
        if not self.ready.done() or self.ready.cancelled() or self.ready.exception() is not None:
            return {}
        found = self.ready.result().get("failed", {})
        return {name: why for name, why in found.items() if not _is_missing(name, why)}

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process.returncode is None

    @property
    def idle(self) -> bool:
        """Whether nobody is about to use it: who was given it asks within a moment."""
        return self.ready.done() and not self.waiting and time.monotonic() - self.used > JUST_USED_S

    def say(self, request: dict[str, Any]) -> None:
        """Send one request."""
        stdin = self.process.stdin
        if stdin is None or stdin.is_closing():
            raise LauncherFailed("the launcher has ended", where=self.kind.python)
        stdin.write((json.dumps(request) + "\n").encode())

    async def launch(self, run_dir: str) -> int:
        """Have the attempt of this run directory forked.

        Returns:
            Process id of its supervisor.

        Raises:
            Refused: It will not fork; the attempt may be run cold.
            LauncherFailed: It died before it answered: whether the supervisor lives is to be seen in the directory.
        """
        await self._within(self.ready, READY_S)
        self.used = time.monotonic()
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.waiting[run_dir] = answer
        try:
            self.say({"launch": run_dir})
            failpoints.reach("launch.asked")
            return await self._within(answer, ANSWER_S)
        finally:
            self.waiting.pop(run_dir, None)

    async def _within(self, answer: asyncio.Future[T], seconds: float) -> T:
        """The answer of a launcher that somebody may have stopped: it is woken after this time, and killed after twice.

        Raises:
            LauncherFailed: It was killed: whether it has forked is to be seen in the directory.
        """
        for act in (signal.SIGCONT, signal.SIGKILL):
            await asyncio.wait([answer], timeout=seconds)
            if answer.done():
                break
            log.warning("launcher %d does not answer: it gets %s", self.process.pid, act.name)
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(act)
        return await asyncio.shield(answer)

    async def listen(self, ended: Callable[[Launcher], None]) -> None:
        """Hand every answer to who waits for it, until the launcher ends."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            try:
                self._answer(json.loads(line))
            except (ValueError, TypeError):
                log.warning("launcher %d sent a line that is no message: %r", self.process.pid, line[:200])
        code = await self.process.wait()
        said = _last_line(self.log_path)
        error: Unavailable = Busy(f"the launcher says: {said}", where=self.kind.python)
        # Native libraries abort where they find no thread or memory.
        if code != protocol.TRY_LATER and not any(os.strerror(number) in said for number in protocol.SCARCE):
            how = f"code {code}" if code >= 0 else _signal_name(-code)
            error = failed = LauncherFailed(
                f"the launcher ended with {how}: {said}",
                where=self.kind.python,
                hint="see that this interpreter runs",
            )
            failed.killed = code in (-signal.SIGKILL, -signal.SIGTERM)
            if self.importing and not failed.killed:
                self.crashed = {self.importing: f"its import ended the launcher with {how}: {said}"}
        if not self.ready.done():
            self.ready.set_exception(error)
        for answer in self.waiting.values():
            if not answer.done():
                answer.set_exception(error)
        if not self.ready.cancelled():
            self.ready.exception()
        ended(self)

    def _answer(self, answer: dict[str, Any]) -> None:
        if "importing" in answer:
            self.importing = str(answer["importing"])
            return
        if answer.get("ready"):
            for name, why in answer.get("failed", {}).items():
                log.warning(
                    "launcher %d: %s cannot be imported ahead, so trials do it: %s", self.process.pid, name, why
                )
            if not self.ready.done():
                self.ready.set_result(answer)
            return
        future = self.waiting.get(answer.get("forked") or answer.get("refused") or "")
        if future is None or future.done():
            return
        if "forked" in answer:
            future.set_result(int(answer["pid"]))
        elif answer.get("busy"):
            future.set_exception(Busy(answer["why"], where=self.kind.python))
        else:
            future.set_exception(Refused(answer.get("why", "it does not say why")))


def _is_missing(name: str, why: str) -> bool:
    """Whether the module is not installed at all: nothing of it was run."""
    parts = name.split(".")
    return any(why == f"ModuleNotFoundError: No module named '{'.'.join(parts[:n])}'" for n in range(1, len(parts) + 1))


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _last_line(path: Path) -> str:
    try:
        lines = path.read_text(errors="replace").strip().splitlines()
    except OSError:
        return "it left no log"
    return lines[-1].strip()[:300] if lines else "it printed nothing"
