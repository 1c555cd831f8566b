"""The terminal UI on a pseudo terminal: bytes it sends, CPU it takes, and how soon it answers a key.

Owns the pseudo terminal. What is shown is the scripted daemon of the UI's tests; only the terminal side is measured.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

CHILD = Path(__file__).parents[1] / "tests" / "snapshot" / "pty_child.py"
DEADLINE_S = 60.0
TICKS = os.sysconf("SC_CLK_TCK")


class Terminal:
    """A program on a pseudo terminal.

    Args:
        command: What runs.
        width: Cells.
        height: Lines.
        environment: Beside the present one.

    Attributes:
        output: All that it has sent.
        rate: Bytes a second that are read at most; None: all at once.
    """

    def __init__(self, command: list[str], width: int, height: int, environment: dict[str, str] | None = None) -> None:
        self.output = bytearray()
        self.rate: float | None = None
        self._due = 0.0
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
            env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "SSH_CONNECTION")}
            os.execve(command[0], command, {**env, "TERM": "xterm-256color", **(environment or {})})

    def read_for(self, seconds: float) -> int:
        """Read for so long; the bytes that came."""
        before, end = len(self.output), time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._read(left)
        return len(self.output) - before

    def until(self, found: Callable[[bytes], bool], what: str) -> float:
        """Read until what has come since now satisfies a condition; the seconds that took.

        Raises:
            TimeoutError: It does not come.
        """
        begin, start = time.monotonic(), len(self.output)
        while not found(bytes(self.output[start:])):
            if time.monotonic() > begin + DEADLINE_S:
                raise TimeoutError(f"the terminal never shows {what}")
            self._read(0.05)
        return time.monotonic() - begin

    def _read(self, seconds: float) -> None:
        if self.rate is not None:
            time.sleep(min(seconds, 0.02))
            room = int(self.rate * 0.02)
        else:
            room = 65536
        if select.select([self.fd], [], [], 0 if self.rate else min(seconds, 0.05))[0]:
            try:
                piece = os.read(self.fd, room)
            except OSError:
                return
            self.output += piece
            if b"\x1b[?2026$p" in piece:
                self.send(b"\x1b[?2026;2$y")

    def send(self, keys: bytes) -> None:
        """Type."""
        os.write(self.fd, keys)

    def cpu_seconds(self) -> float:
        """CPU time of the program so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def close(self) -> None:
        """End the program."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


@contextmanager
def opened(
    command: list[str], width: int, height: int, environment: dict[str, str] | None = None
) -> Iterator[Terminal]:
    """A program on a terminal, ended at last."""
    terminal = Terminal(command, width, height, environment)
    try:
        yield terminal
    finally:
        terminal.close()


def scripted(*arguments: str) -> list[str]:
    """The command of the UI on its scripted daemon: `idle` or `live`, and how many trials."""
    return [sys.executable, str(CHILD), *arguments]
