"""The UI in a real (pseudo) terminal: it starts, leaves, ends with its terminal, and prints when there is none."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.patience import DEADLINE_S

CHILD = Path(__file__).parent / "pty_child.py"


class Terminal:
    """A child on a pseudo terminal of 80x24."""

    def __init__(self, *arguments: str, ignore_hangup: bool = False, **environment: str) -> None:
        self.output = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            if ignore_hangup:
                signal.signal(signal.SIGHUP, signal.SIG_IGN)
            env = {**os.environ, "TERM": "xterm-256color", **environment}
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
            os.execve(sys.executable, [sys.executable, str(CHILD), *arguments], env)

    def read_until(self, text: bytes) -> None:
        """Read what it draws until a text is there."""
        end = time.monotonic() + DEADLINE_S
        while text not in self.output:
            assert time.monotonic() < end, f"no {text!r} in {self.output[-2000:]!r}"
            if select.select([self.fd], [], [], 0.1)[0]:
                self.output += os.read(self.fd, 65536)

    def read_until_quiet(self) -> None:
        """Read what it draws until it has drawn nothing for a second."""
        while select.select([self.fd], [], [], 1.0)[0]:
            self.output += os.read(self.fd, 65536)

    def exit_code(self) -> int:
        """Its exit code, once it has ended."""
        end = time.monotonic() + DEADLINE_S
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = 0
                return os.waitstatus_to_exitcode(status)
            try:
                if select.select([self.fd], [], [], 0.05)[0]:
                    self.output += os.read(self.fd, 65536)
            except (OSError, ValueError):
                time.sleep(0.05)
        raise AssertionError("it did not end")

    def close(self) -> None:
        """End it, whatever it does."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        if self.fd >= 0:
            os.close(self.fd)


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()


def test_it_draws_and_q_restores_the_screen(terminals: list[Terminal]) -> None:
    terminals.append(terminal := Terminal("idle", "30"))
    terminal.read_until(b"Trials 30")
    os.write(terminal.fd, b"q")
    assert terminal.exit_code() == 0
    assert b"\x1b[?1049l" in terminal.output


def test_control_c_leaves(terminals: list[Terminal]) -> None:
    terminals.append(terminal := Terminal("idle", "30"))
    terminal.read_until(b"Trials 30")
    os.write(terminal.fd, b"\x03")
    assert terminal.exit_code() == 0


def test_a_terminal_that_goes_away_ends_it_even_when_hangup_is_ignored(terminals: list[Terminal]) -> None:
    terminals.append(terminal := Terminal("live", "30", ignore_hangup=True))
    terminal.read_until(b"Trials 30")
    os.close(terminal.fd)
    terminal.fd = -1
    assert terminal.exit_code() == 129


def test_no_color_sends_no_colours(terminals: list[Terminal]) -> None:
    terminals.append(terminal := Terminal("idle", "30", NO_COLOR="1"))
    terminal.read_until(b"Trials 30")
    os.write(terminal.fd, b"q")
    assert terminal.exit_code() == 0
    assert b"38;2;" not in terminal.output and b"48;2;" not in terminal.output and b"38;5;" not in terminal.output


def run_ui(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = (
        "import sys\nfrom pathlib import Path\nfrom tui.cli import run\nfrom tuned.home import home_at\n"
        f"sys.exit(run(home_at(Path({str(home)!r}), 'test'){''.join(', ' + a for a in arguments)}))"
    )
    return subprocess.run(
        [sys.executable, "-c", code],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_S,
    )


def test_without_a_terminal_and_without_a_daemon_it_says_so(tmp_path: Path) -> None:
    done = run_ui(tmp_path)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.count("\n") == 1 and "tunectl daemon start" in done.stderr


def test_a_required_terminal_that_is_missing_is_wrong_usage(tmp_path: Path) -> None:
    done = run_ui(tmp_path, "require_tty=True")
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1


def test_all_of_the_screen_is_drawn_again_after_a_stop_in_the_shell_and_by_its_key(terminals: list[Terminal]) -> None:
    terminals.append(terminal := Terminal("idle", "30"))
    terminal.read_until(b"Trials 30")
    terminal.read_until_quiet()
    os.write(terminal.fd, b"\x1a")
    terminal.read_until(b"\x1b[?1049l")
    assert os.WIFSTOPPED(os.waitpid(terminal.pid, os.WUNTRACED)[1])
    for again in (lambda: os.kill(terminal.pid, signal.SIGCONT), lambda: os.write(terminal.fd, b"r")):
        terminal.output = b""
        again()
        for text in (b"digits", b"Trials 30", b"STATE", b"Open"):
            terminal.read_until(text)
        terminal.read_until_quiet()
