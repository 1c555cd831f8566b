"""The end of one attempt's output, piece by piece. Pure."""

from __future__ import annotations

from collections import deque

from tuned.wire import LogChunk

LINES_KEPT = 2000
START = 32_768
"""Bytes from the end where reading begins."""


class LogTail:
    """The last lines of an attempt's output.

    Attributes:
        lines: Whole lines, the newest last; `partial` is the line that is being written.
        offset: Bytes up to which it was read.
        ended: Whether the attempt is over.
    """

    def __init__(self, study: str, number: int, attempt: int) -> None:
        self.study = study
        self.number = number
        self.attempt = attempt
        self.lines: deque[str] = deque(maxlen=LINES_KEPT)
        self.partial = ""
        self.offset = -START
        self.ended = False

    def is_of(self, study: str, number: int) -> bool:
        """Whether it belongs to this trial."""
        return (self.study, self.number) == (study, number)

    def take(self, chunk: LogChunk) -> bool:
        """Take the next piece; true when it shows something new."""
        *whole, self.partial = (self.partial + chunk.text).split("\n")
        self.lines.extend(whole)
        changed = bool(chunk.text) or chunk.ended != self.ended
        self.offset, self.ended = chunk.next_offset, chunk.ended
        return changed

    def matches(self, text: str) -> list[int]:
        """How many lines from the end each line with this text is, the last one first; case does not matter."""
        needle = text.lower()
        return [back for back, line in enumerate(reversed(self.shown())) if needle in line.lower()]

    def shown(self) -> list[str]:
        """All lines, the unfinished one included."""
        return [*self.lines, self.partial] if self.partial else list(self.lines)
