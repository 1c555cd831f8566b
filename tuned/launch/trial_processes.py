"""The processes of a running attempt as its supervisor sees them: the trial, its group, and all that descends from it.

Owns reaping and ending them. The supervisor is a subreaper: who has no child left has no descendant left.
"""

from __future__ import annotations

import os
import select
import signal
import time
from typing import Any, Dict, Iterator, List, Optional, Sequence, Set

from tuned.launch import descendants

POLITE_SECONDS = 1.0
"""The time that left processes have to clean up, such as the process that removes shared memory."""

_FORCE_SECONDS = 10.0
_LOOK_AGAIN = 0.05
_FREEZE_ROUNDS = 10


class TrialProcesses:
    """The trial and what it started.

    Args:
        main: Process id of the trial; also of its group.
        subreaper: Whether orphans become children of this process.

    Attributes:
        main_status: Wait status of the trial once it has ended.
        signalled: A signal of ours reached the trial while it lived.
        left_behind: How many other processes had to be ended.
    """

    def __init__(self, main: int, subreaper: bool) -> None:
        self.main = main
        self.main_status: Optional[int] = None
        self.signalled = False
        self.left_behind = 0
        self._subreaper = subreaper
        try:
            os.setpgid(main, main)
        except OSError:
            pass  # it has done so itself

    def signal(self, number: int) -> None:
        """Signal the trial's group; frozen processes are woken, or they could not obey."""
        if self.main_status is not None:
            return
        ended = os.waitid(os.P_PID, self.main, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        try:
            os.killpg(self.main, number)
            os.killpg(self.main, signal.SIGCONT)
        except OSError:
            return
        self.signalled = self.signalled or ended is None

    def freeze(self) -> None:
        """Let everything stand still that descends from here; what is forked meanwhile, too."""
        seen: Set[int] = set()
        for _ in range(_FREEZE_ROUNDS):
            new = [process for process in descendants.below(os.getpid()) if process.pid not in seen]
            if not new:
                return
            for process in new:
                descendants.send(process, signal.SIGSTOP)
                seen.add(process.pid)

    def thaw(self) -> None:
        """Let it all move again, children before their parents."""
        for process in reversed(descendants.below(os.getpid())):
            descendants.send(process, signal.SIGCONT)

    def reap(self) -> bool:
        """Collect every child that has ended.

        Returns:
            Whether any child is left.
        """
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.main:
                self.main_status = status

    def end_rest(self, polite: bool, attempt_id: str, run_dir: str, start: Dict[str, Any]) -> Iterator[float]:
        """End the trial's other processes, after its own end.

        Yields:
            Seconds that the caller should wait for events before this goes on.
        """
        if self.reap():
            if polite:
                yield from self._ask()
            yield from self._force()
        if not self._subreaper:
            self.left_behind += descendants.end_attempt(attempt_id, run_dir, start)

    def _ask(self) -> Iterator[float]:
        left = descendants.below(os.getpid())
        self.left_behind = len(left)
        for process in left:
            descendants.send(process, signal.SIGTERM)
            descendants.send(process, signal.SIGCONT)
        deadline = time.monotonic() + POLITE_SECONDS
        while self.reap() and time.monotonic() < deadline:
            yield max(0.0, deadline - time.monotonic())

    def _force(self) -> Iterator[float]:
        deadline = time.monotonic() + _FORCE_SECONDS
        while self.reap() and time.monotonic() < deadline:
            left = descendants.below(os.getpid())
            self.left_behind = max(self.left_behind, len(left))
            for process in left:
                descendants.send(process, signal.SIGKILL)
            yield _LOOK_AGAIN


def wait_readable(fds: Sequence[int], seconds: Optional[float]) -> List[int]:
    """The descriptors that can be read or have ended, after at most so many seconds (None: as long as it takes)."""
    poller = select.poll()
    for fd in fds:
        poller.register(fd, select.POLLIN)
    milliseconds = None if seconds is None else int(seconds * 1000) + 1
    return [fd for fd, _ in poller.poll(milliseconds)]
