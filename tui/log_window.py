"""A part of one attempt's output: the stretch of lines that is known, and which of them is on top. Pure.

Lines have numbers that stay theirs when others come before or behind them: the text stands still while it is read.
"""

from __future__ import annotations

from collections import deque

from tuned.wire import LogChunk

LINES_KEPT = 4000
START = 32_768
"""Bytes from the end where reading begins."""

BEHIND = 262_144
"""Bytes that may lie before the end while it is followed; beyond them reading begins anew at the end."""


class LogWindow:
    """Known lines of an attempt's output.

    Args:
        study: Its study's name.
        number: Its trial's number.
        attempt: Which process of the trial.
        begin: Byte to read from; None: near the end, which is followed.
        lead: Lines to show above the first one, once they are known.

    Attributes:
        lines: Whole lines; `partial` is the line that is being written. `first` is the number of the first one.
        begin, offset: The bytes that they are; None before the first piece.
        size: Bytes of all that was written.
        ended: Whether the attempt is over.
        top: Number of the line on top; None follows the end.
    """

    def __init__(self, study: str, number: int, attempt: int, begin: int | None = None, lead: int = 0) -> None:
        self.study = study
        self.number = number
        self.attempt = attempt
        self.lines: deque[str] = deque()
        self.first = 0
        self.partial = ""
        self.begin = begin
        self.offset = -START if begin is None else begin
        self.size = 0
        self.ended = False
        self.top: int | None = None if begin is None else 0
        self._lead = lead
        self._marks: deque[tuple[int, int]] = deque()

    def is_of(self, study: str, number: int) -> bool:
        """Whether it belongs to this trial."""
        return (self.study, self.number) == (study, number)

    # --- what comes ---------------------------------------------------------------------------------------------

    def take(self, chunk: LogChunk) -> bool:
        """Take the piece behind the last one; true when it shows something new."""
        if self.begin is None or self.offset < 0:
            self.begin = chunk.begin
        if not self.partial:
            self._marks.append((self.behind, chunk.begin))
        *whole, self.partial = (self.partial + chunk.text).split("\n")
        self.lines.extend(whole)
        changed = bool(chunk.text) or (chunk.ended, chunk.size) != (self.ended, self.size)
        self.offset, self.ended, self.size = chunk.next_offset, chunk.ended, max(chunk.size, chunk.next_offset)
        if self.top is None:
            self._forget_begin()
        return changed

    def take_before(self, chunk: LogChunk) -> bool:
        """Take the piece before the first one; true when it was that."""
        if self.begin is None or chunk.next_offset != self.begin or chunk.begin >= self.begin:
            return False
        found = chunk.text.removesuffix("\n").split("\n")
        self.lines.extendleft(reversed(found))
        self.first, self.begin = self.first - len(found), chunk.begin
        self._marks.appendleft((self.first, self.begin))
        if self.top is not None and self._lead:
            self.top, self._lead = max(self.first, self.top - self._lead), 0
        return True

    def _forget_begin(self) -> None:
        """Keep the last lines of an end that is followed for days."""
        while len(self._marks) > 1 and self.behind - self._marks[1][0] >= LINES_KEPT:
            self._marks.popleft()
        if self._marks and self._marks[0][0] > self.first:
            first, self.begin = self._marks[0]
            for _ in range(first - self.first):
                self.lines.popleft()
            self.first = first

    # --- where one reads ----------------------------------------------------------------------------------------

    @property
    def behind(self) -> int:
        """Number behind the last whole line."""
        return self.first + len(self.lines)

    @property
    def reaches_end(self) -> bool:
        """Whether nothing is known to be written behind it."""
        return self.offset >= self.size

    @property
    def lags(self) -> bool:
        """Whether its end is followed, and lies far behind by now."""
        return self.top is None and self.offset >= 0 and self.size - self.offset > BEHIND

    def shown(self, room: int) -> list[str]:
        """The lines from the top one on; of an end that is followed the last ones."""
        known = [*self.lines, self.partial] if self.partial else list(self.lines)
        at = len(known) - room if self.top is None else self.top - self.first
        return known[max(0, at) : max(0, at) + room]

    def below(self, room: int) -> int:
        """Known lines below those that are shown."""
        total = len(self.lines) + bool(self.partial)
        return 0 if self.top is None else max(0, self.first + total - self.top - room)

    def scroll(self, by: int, room: int) -> None:
        """Move down by some lines, up for a negative number; it stands still from then on."""
        last = max(self.first, self.behind + bool(self.partial) - room)
        now = last if self.top is None else self.top
        self.top = max(self.first, min(now + by, last))

    def wants(self, room: int) -> tuple[bool, bool]:
        """Whether lines before and behind it are needed soon."""
        above = self.top is not None and bool(self.begin) and self.top - self.first < 2 * room
        below = self.top is not None and not self.reaches_end and self.below(room) < 2 * room
        return above, below
