"""Finds and ends the processes of an attempt: its group is not all of them.

Owns reading `/proc`. A supervisor is the new parent of every orphan below it, so it can end all of them. After a dead
supervisor, `end_attempt` finds them by what they inherited: the attempt's mark, the process group, the supervisor's
session, `TUNED_ATTEMPT` in the environment, or `output.log` as an open file (a process that was forked without exec
shows its launcher's environment, so that alone is not enough).

The mark is a resource limit that Linux keeps, inherits and shows, and has not enforced since 2.4: that on file locks.
It stays with a process that has a session of its own, an empty environment, and no ancestor left.
"""

from __future__ import annotations

import binascii
import os
import resource
import signal
import time
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Set

from tuned.launch.kernel import pidfd_signal
from tuned.protocol import ENV_ATTEMPT, OUTPUT_FILE, boot_id

_POLL = 0.02
"""Seconds between looks at processes that are no children of ours: no event tells of their end."""


_RLIMIT_LOCKS = 10
_MARK_LINE = b"Max file locks"


class Process(NamedTuple):
    """One line of the process table; `start` in clock ticks after boot."""

    pid: int
    parent: int
    group: int
    session: int
    start: int
    zombie: bool
    stopped: bool


def processes() -> Iterator[Process]:
    """All processes that can be seen."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            process = read_process(int(name))
            if process is not None:
                yield process


def read_process(pid: int) -> Optional[Process]:
    """One process, or None when there is none."""
    try:
        with open("/proc/%d/stat" % pid, "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    if len(fields) < 20:
        return None
    return Process(
        pid,
        int(fields[1]),
        int(fields[2]),
        int(fields[3]),
        int(fields[19]),
        fields[0] in (b"Z", b"X"),
        fields[0] == b"T",
    )


def below(ancestor: int) -> List[Process]:
    """Every living process under `ancestor`, parents before children."""
    children: Dict[int, List[Process]] = {}
    for process in processes():
        children.setdefault(process.parent, []).append(process)
    found: List[Process] = []
    parents = [ancestor]
    while parents:
        mine = children.pop(parents.pop(), [])
        found += [process for process in mine if not process.zombie]
        parents += [process.pid for process in mine]
    return found


def send(process: Process, number: int) -> None:
    """Signal exactly this process; one that is gone, or whose number was given away, is left alone."""
    now = read_process(process.pid)
    if now is None or now.start != process.start:
        return
    try:
        pidfd_signal(process.pid, number)
    except OSError:
        pass


def mark(attempt_id: str) -> None:
    """Mark this process, and whatever it starts, as of this attempt; a kernel without that limit leaves it unmarked."""
    try:
        hard = resource.getrlimit(_RLIMIT_LOCKS)[1]
        resource.setrlimit(_RLIMIT_LOCKS, (_mark_of(attempt_id), hard))
    except (OSError, ValueError):
        pass


def _mark_of(attempt_id: str) -> int:
    """62 bits of it, at least one of the upper ones set: no limit that a person would choose."""
    text = attempt_id.encode()
    return 1 << 61 | binascii.crc32(text[::-1]) << 29 | binascii.crc32(text) & 0x1FFFFFFF


def _bears(pid: int, number: bytes) -> bool:
    try:
        with open("/proc/%d/limits" % pid, "rb") as file:
            for line in file:
                if line.startswith(_MARK_LINE):
                    return line[len(_MARK_LINE) :].split()[0] == number
    except OSError:
        pass
    return False


def end_attempt(attempt_id: str, run_dir: str, start: Optional[Mapping[str, Any]], seconds: float = 5.0) -> int:
    """End what a dead supervisor left behind. Call it with the attempt's lock held.

    Args:
        attempt_id: The value of `TUNED_ATTEMPT`.
        run_dir: Absolute path of the run directory.
        start: The content of `start.json`, or None when there is none.
        seconds: How long to go on looking for survivors.

    Returns:
        How many processes were killed.
    """
    deadline = time.monotonic() + seconds
    killed: Set[int] = set()
    while True:
        left = list(of_attempt(attempt_id, run_dir, start))
        if not left or time.monotonic() > deadline:
            return len(killed)
        for process in left:
            send(process, signal.SIGKILL)
            killed.add(process.pid)
        time.sleep(_POLL)


def end_supervised(run_dir: str, start: Optional[Mapping[str, Any]]) -> int:
    """End an attempt with its supervisor, whoever it is.

    Args:
        run_dir: Absolute path of the run directory.
        start: The content of `start.json`; without it only processes that have `output.log` open are found.

    Returns:
        How many processes were killed.
    """
    killed = 0
    if start is not None and start["boot_id"] == boot_id():
        supervisor = read_process(start["supervisor_pid"])
        if supervisor is not None and supervisor.start == start["supervisor_start"]:
            send(supervisor, signal.SIGKILL)
            killed = 1
    attempt_id = "" if start is None else str(start.get("attempt_id") or "")
    return killed + end_attempt(attempt_id or "-", run_dir, start, 5.0)


def of_attempt(attempt_id: str, run_dir: str, start: Optional[Mapping[str, Any]]) -> Iterator[Process]:
    """The living processes of this user that belong to an attempt whose supervisor is dead.

    Those that inherited something of it, and whatever descends from them.
    """
    if start is not None and start["boot_id"] != boot_id():
        return
    number = b"%d" % _mark_of(attempt_id)
    named = b"%s=%s" % (ENV_ATTEMPT.encode(), attempt_id.encode())
    me = os.getpid()
    uid = os.getuid()
    mine = [p for p in processes() if not p.zombie and p.pid != me and _owner(p.pid) == uid]
    found = {
        p.pid
        for p in mine
        if _inherits_place(p, start) or _bears(p.pid, number) or _inherits_things(p.pid, named, run_dir)
    }
    while True:
        children = {p.pid for p in mine if p.parent in found} - found
        if not children:
            break
        found |= children
    yield from (p for p in mine if p.pid in found)


def _inherits_place(process: Process, start: Optional[Mapping[str, Any]]) -> bool:
    if start is None or process.start < start["supervisor_start"]:
        return False
    return bool(process.group == start["pgid"] or process.session == start["supervisor_pid"])


def _inherits_things(pid: int, mark: bytes, run_dir: str) -> bool:
    """The attempt's mark in its environment, its output as stdout or stderr, or a working folder below its own."""
    try:
        with open("/proc/%d/environ" % pid, "rb") as file:
            if mark in file.read().split(b"\0"):
                return True
        output = os.path.join(run_dir, OUTPUT_FILE)
        if any(os.readlink("/proc/%d/fd/%d" % (pid, fd)) == output for fd in (1, 2)):
            return True
    except OSError:
        pass
    try:
        folder = os.readlink("/proc/%d/cwd" % pid)
    except OSError:
        return False
    return folder == run_dir or folder.startswith(run_dir + "/")


def _owner(pid: int) -> Optional[int]:
    try:
        return os.stat("/proc/%d" % pid).st_uid
    except OSError:
        return None
