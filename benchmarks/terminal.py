"""The terminal UI on a pseudo terminal: bytes it sends, CPU it takes, and how soon it answers a key.

Owns the pseudo terminal. The UI shows the scripted daemon of its tests; only the terminal side is measured.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
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


class Picture:
    """What a terminal of this width shows, from all that it was sent. It knows the sequences that the UI uses."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.rows = [[" "] * width for _ in range(height)]
        self._row = self._column = 0
        self._rest = ""

    def take(self, output: bytes) -> None:
        """Draw the next piece; one that ends within a sequence or a character waits for the rest of it."""
        text = self._rest + output.decode("latin-1")
        self._rest = found[0] if (found := _UNFINISHED.search(text)) else ""
        for found in _DRAWN.finditer(text.removesuffix(self._rest)):
            if found["row"]:
                self._row, self._column = int(found["row"]) - 1, int(found["column"]) - 1
            elif found["line"]:
                self._row, self._column = self._row + 1, 0
            elif found["erase"]:
                self.rows[self._row][self._column :] = [" "] * (self.width - self._column)
            elif found["text"]:
                for char in found["text"].encode("latin-1").decode():
                    self.rows[self._row][self._column] = char
                    self._column += 1

    def text(self) -> str:
        """Its lines."""
        return "\n".join("".join(row).rstrip() for row in self.rows)


_UNFINISHED = re.compile(r"(\x1b(\[[0-?]*[ -/]*|\][^\x07]*)?|[\xc0-\xff][\x80-\xbf]{0,2}|\r)$")
_DRAWN = re.compile(
    r"\x1b\[(?P<row>\d+);(?P<column>\d+)H|(?P<line>\r\n)|(?P<erase>\x1b\[K)|\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07]*\x07"
    r"|(?P<text>[^\x1b\r]+)"
)


class Terminal:
    """A program on a pseudo terminal.

    Args:
        command: Argument list of the program.
        width: Cells.
        height: Lines.
        environment: Beside the present one.

    Attributes:
        output: All that it has sent; `picture` is what that shows.
        rate: Bytes a second that are read at most; None: all at once.
    """

    def __init__(self, command: list[str], width: int, height: int, environment: dict[str, str] | None = None) -> None:
        self.output = bytearray()
        self.rate: float | None = None
        self.picture = Picture(width, height)
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

    def until_shown(self, text: str, what: str) -> float:
        """Read until the picture shows a text; the seconds that took.

        Raises:
            TimeoutError: It does not come.
        """
        return self.until(lambda _: text in self.picture.text(), what)

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
            self.picture.take(piece)
            for query, reply in ((b"\x1b[?2026$p", b"\x1b[?2026;2$y"), (b"\x1b[6n", b"\x1b[1;1R")):
                # A query may come in two pieces.
                if query in self.output[-len(piece) - len(query) + 1 :]:
                    self.send(reply)

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
