"""The launchers: processes under the users' interpreters that fork supervisors and trials.

Owns their start, their key, their control channel and their end. A launcher's own work is `tuned.launch`'s; which trial
is launched is the scheduler's.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tuned import faults, protocol
from tuned.core.errors import Unavailable
from tuned.daemon import failpoints
from tuned.launch.bundle import keep_bundle, launcher_path

log = logging.getLogger(__name__)

IDLE_S = 600.0
"""A launcher that has launched nothing for so long ends; its trials do not notice."""

MOST = 4
"""Launchers that run at once: each holds what it has imported, which is hundreds of megabytes."""
UNUSED_S = 30.0
"""The same as `IDLE_S` where the machine is short of memory."""
JUST_USED_S = 5.0
"""Within this time somebody may be about to use it."""

_SESSION_NOISE = frozenset({"PWD", "OLDPWD", "SHLVL", "_", "DISPLAY", "LS_COLORS", "COLUMNS", "LINES"})
_NOISE_PREFIXES = ("SSH_", "TMUX", "XDG_SESSION_", "DBUS_", "TUNED_")


def trial_environment(captured: Mapping[str, str], overlay: Mapping[str, str]) -> dict[str, str]:
    """The environment of a study's trials: what was captured at submit, less what belongs to that session."""
    kept = {
        name: value
        for name, value in captured.items()
        if name not in _SESSION_NOISE and not name.startswith(_NOISE_PREFIXES)
    }
    return {**kept, **overlay, "PYTHONUNBUFFERED": "1"}


@dataclass(frozen=True, slots=True)
class LauncherKind:
    """The key of a launcher.

    Attributes:
        python: Absolute path of the interpreter.
        environment: The whole environment.
        preload: Modules to import before forking.
        cores: To how many cores it is confined while it imports: libraries count them once, then; 0: to none.
        ahead: Variables that hold while these are imported; None: one that is taken out.
        installed: The result of `installed` for the interpreter: a launcher does not see packages that came later.
    """

    python: str
    environment: tuple[tuple[str, str], ...]
    preload: tuple[str, ...]
    cores: int = 0
    installed: tuple[tuple[str, int], ...] = ()
    ahead: tuple[tuple[str, str | None], ...] = ()


def installed(python: str) -> tuple[tuple[str, int], ...]:
    """The interpreter behind a path and its folders of packages, each with the time of its last change (ns).

    An upgrade of the interpreter, and whatever is installed into its environment or taken out of it, changes them.
    """
    here, real = Path(python), Path(os.path.realpath(python))
    folders = {folder for path in (here, real) for folder in path.parent.parent.glob("lib/python3*/site-packages")}
    return tuple((str(path), path.stat().st_mtime_ns) for path in (real, *sorted(folders)) if path.exists())


T = TypeVar("T")

ANSWER_S = 10.0
"""How long a launcher may take to fork before it is woken, and once more before it is killed."""
READY_S = 120.0
"""The same of its imports. Trials do not wait as long for them, where they can do without."""
PATIENCE_S = 30.0
"""How long trials wait for what is imported ahead before they do without."""


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


def _is_idle(launcher: Launcher) -> bool:
    """Whether nobody is about to use it: who was given it asks within a moment."""
    return launcher.ready.done() and not launcher.waiting and time.monotonic() - launcher.used > JUST_USED_S


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
        launcher.say({"hello": hello})
        task = asyncio.create_task(launcher.listen(self._ended))
        self._listeners.add(task)
        task.add_done_callback(self._listeners.discard)
        log.info("launcher %d: %s, preload %s", process.pid, kind.python, ", ".join(kind.preload) or "nothing")
        return launcher

    def _ended(self, launcher: Launcher) -> None:
        if self._running.get(launcher.kind) is launcher:
            del self._running[launcher.kind]
        with contextlib.suppress(OSError):
            if launcher.process.returncode == 0:
                launcher.log_path.unlink()

    def _make_room(self) -> None:
        idle = sorted(filter(_is_idle, self._running.values()), key=lambda launcher: launcher.used)
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
