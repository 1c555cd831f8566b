"""The log of the selected trial: pieces that come, and the place that its reader has reached."""

from __future__ import annotations

from tui.log_window import START, LogWindow
from tui.selection import Selection
from tuned.core.states import LIVE
from tuned.wire import LogChunk


class LogReading(Selection):
    """The picture with the window on the selected trial's output."""

    def put_log(self, study: str, number: int, chunk: LogChunk) -> None:
        """The next piece of the selected trial's output."""
        if study != self.study or number != self.selected:
            return
        if self.log is None or not self.log.is_of(study, number) or self.log.attempt != chunk.attempt:
            self.log = LogWindow(study, number, chunk.attempt)
            self._changed()
            self.hurry()
        if self.log.take(chunk):
            self._changed()
        if self.log.lags:
            self.follow_log()
            return
        row, held = self.trial(number), self.log.top is not None
        if held and not self.log.reaches_end:
            # A text that stands still is read on when its reader comes near its end.
            self.hurry()
            if self.log.begin and not self.log.first:
                self.need("log-before", study, number)
        elif self.log_wanted and (chunk.text or (row and row.state in LIVE)):
            self.need("log", study, number, 0.0 if len(chunk.text) >= START // 2 else 1.0)

    def put_log_before(self, study: str, number: int, chunk: LogChunk) -> None:
        """The piece before the known part of the selected trial's output."""
        if self.log is not None and self.log.is_of(study, number) and self.log.take_before(chunk):
            self._changed()
            self.hurry()

    def want_log(self, before: bool, behind: bool) -> None:
        """The reader of the log comes near the ends of its known part."""
        if self.log is not None and before:
            self.need("log-before", self.log.study, self.log.number)
        if self.log is not None and behind:
            self.need("log", self.log.study, self.log.number)
        self._changed()

    def follow_log(self) -> None:
        """Show the end of the log, and follow it."""
        log = self.log
        if log is None:
            return
        if log.reaches_end:
            log.top = None
        else:
            self.log = LogWindow(log.study, log.number, log.attempt)
        self.need("log", log.study, log.number)
        self._changed()

    def show_log_at(self, begin: int, lead: int = 0) -> None:
        """Show the log from a byte on, with some lines above it."""
        if self.log is not None:
            self.log = LogWindow(self.log.study, self.log.number, self.log.attempt, begin, lead)
            self.need("log", self.log.study, self.log.number)
            self._changed()
