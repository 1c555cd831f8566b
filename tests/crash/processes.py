"""The processes of one state folder, found as an outsider finds them: in `/proc`.

Owns telling daemon, advisor, launcher, supervisor and trial apart, and killing them. Uses nothing of the product, so
that it can contradict it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

KINDS = ("daemon", "advisor", "launcher", "supervisor", "trial")


@dataclass(frozen=True)
class Process:
    """One living process; `start` (ticks after boot) makes the pid unmistakable, `run_dir` is set for attempts."""

    pid: int
    start: int
    kind: str
    run_dir: Path | None

    @property
    def alive(self) -> bool:
        found = _stat(self.pid)
        return found is not None and found[2] == self.start

    def kill(self) -> bool:
        """SIGKILL; whether it was there to be killed."""
        if not self.alive:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
            return True
        return False


def of_home(home: Path) -> list[Process]:
    """Every living process that belongs to the daemon of this state folder."""
    stats = {int(p.name): found for p in Path("/proc").iterdir() if p.name.isdigit() and (found := _stat(int(p.name)))}
    daemons = {pid for pid in stats if _is_daemon(pid, home)}
    found: dict[int, Process] = {}
    for pid, (parent, _, start) in stats.items():
        kind, run_dir = _classify(pid, parent, home, daemons)
        if kind:
            found[pid] = Process(pid, start, kind, run_dir)
    supervisors = {**_recorded(home), **{p.pid: p.run_dir for p in found.values() if p.kind == "supervisor"}}
    for pid, (_, session, start) in stats.items():
        # With patterns, a warm trial holds neither its log nor a changed environment; its session is its supervisor's.
        if session in supervisors and pid != session and found.get(pid) in (None, _launcher(pid, start)):
            found[pid] = Process(pid, start, "trial", supervisors[session])
    return list(found.values())


def _recorded(home: Path) -> dict[int, Path]:
    """Sessions of supervisors that may be dead, by what they recorded."""
    records = {}
    for path in home.glob("runs/[!.]*/*/*/start.json"):  # what is being deleted vanishes while it is looked at
        with contextlib.suppress(OSError, ValueError, KeyError):
            start = json.loads(path.read_bytes())
            now = _stat(start["supervisor_pid"])
            if now is None or now[2] == start["supervisor_start"]:
                records[start["supervisor_pid"]] = path.parent
    return records


def kill_all(processes: Iterable[Process]) -> int:
    """Kill these; how many there were to be killed."""
    return sum(process.kill() for process in processes)


def _launcher(pid: int, start: int) -> Process:
    return Process(pid, start, "launcher", None)


def _is_daemon(pid: int, home: Path) -> bool:
    words = _words(pid, "cmdline")
    return b"tuned.daemon" in words and os.fsencode(home) in words


def _classify(pid: int, parent: int, home: Path, daemons: set[int]) -> tuple[str, Path | None]:
    if pid in daemons:
        return "daemon", None
    words = _words(pid, "cmdline")
    if parent in daemons and b"tuned.advisor" in words:
        return "advisor", None
    files = _files(pid)
    own = {fd: Path(path) for fd, path in files.items() if path.startswith(f"{home}/runs/")}
    if own.get("1", Path()).name == "output.log":
        return "trial", own["1"].parent
    for path in own.values():
        if path.name == "lock":
            return "supervisor", path.parent
    for path in own.values():
        if path.name == "output.log":
            return "trial", path.parent
    for word in _words(pid, "environ"):
        if word.startswith(b"TUNED_RUN_DIR=" + os.fsencode(home) + b"/runs/"):
            return "trial", Path(os.fsdecode(word.partition(b"=")[2]))
    if any(word.startswith(os.fsencode(home) + b"/bundles/") for word in words):
        return "launcher", None
    return "", None


def _files(pid: int) -> dict[str, str]:
    """Descriptor -> what it is open on."""
    found = {}
    with contextlib.suppress(OSError):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                found[entry.name] = str(entry.readlink())
    return found


def _words(pid: int, name: str) -> list[bytes]:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/{name}").read_bytes().split(b"\0")
    return []


def _stat(pid: int) -> tuple[int, int, int] | None:
    """Parent, session and start time; None for what is gone or a zombie."""
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        if fields[0] not in (b"Z", b"X"):
            return int(fields[1]), int(fields[3]), int(fields[19])
    return None
