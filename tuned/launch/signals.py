"""Signals as the launcher and the supervisor use them: as wake-ups of a select loop, and put back for the user's code.

Owns every change of a handler, of the signal mask and of the wake-up descriptor, and their undoing in a trial.
"""

from __future__ import annotations

import contextlib
import os
import signal
from types import FrameType
from typing import Iterator, Optional

_HELD_BACK = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD)


class Wakeups:
    """Signals that make a descriptor readable instead of interrupting anything.

    Attributes:
        fd: Readable after one of the signals arrived.
    """

    def __init__(self, *numbers: signal.Signals) -> None:
        self.fd, self._write_fd = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(self._write_fd, warn_on_full_buffer=False)
        for number in numbers:
            signal.signal(number, _nothing)

    def take(self) -> bytes:
        """The numbers of the signals since the last call, a byte each."""
        try:
            return os.read(self.fd, 65536)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        """Stop listening; the handlers stay."""
        signal.set_wakeup_fd(-1)
        os.close(self.fd)
        os.close(self._write_fd)


@contextlib.contextmanager
def blocked() -> Iterator[None]:
    """Hold signals back around a fork: the child must not receive one before its own handlers stand."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HELD_BACK)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def unblock() -> None:
    """Let through what `blocked` held back, in a process that will not leave its block."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def reset_for_trial() -> None:
    """Dispositions, mask, wake-up descriptor and timers as a fresh interpreter has them.

    Handlers that a preloaded module installed stay: a fresh process that imports it would have them too.
    """
    signal.set_wakeup_fd(-1)
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number in signal.valid_signals():
        handler = signal.getsignal(number)
        if number == signal.SIGINT:
            signal.signal(number, signal.default_int_handler)
        elif number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_IGN)
        elif handler is signal.SIG_IGN or getattr(handler, "__module__", None) == __name__:
            signal.signal(number, signal.SIG_DFL)
    unblock()


def reset_for_exec() -> None:
    """All dispositions at their default and nothing blocked, whatever the program that follows is written in."""
    reset_for_trial()
    for number in signal.valid_signals():
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            with contextlib.suppress(OSError, ValueError):
                signal.signal(number, signal.SIG_DFL)


class TookTooLong(Exception):
    """The real-time timer ran out."""


def raise_on_alarm() -> None:
    """From now on SIGALRM raises `TookTooLong` in whatever runs."""
    signal.signal(signal.SIGALRM, _too_long)


def _nothing(_number: int, _frame: Optional[FrameType]) -> None:
    """A handler must stand for the wake-up descriptor to be written."""


def _too_long(_number: int, _frame: Optional[FrameType]) -> None:
    raise TookTooLong
