"""The exit codes, and how a verb that did its work says no."""

from __future__ import annotations

DONE, FAILED, USAGE, NO_DAEMON, TIMED_OUT, INTERRUPTED, PIPE_CLOSED = 0, 1, 2, 3, 4, 130, 141
"""Done, refused or failed, wrong usage, no daemon, time is over, Ctrl-C, nobody reads on."""


class Failed(Exception):
    """A verb did its work and the answer is no; what it prints is out already.

    Args:
        line: The message on stderr; empty for none.
        code: The exit code.
    """

    def __init__(self, line: str, code: int = FAILED) -> None:
        super().__init__(line)
        self.line = line
        self.code = code
