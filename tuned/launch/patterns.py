"""Turns lines of output into metrics by the user's patterns, without trusting a pattern to end.

Owns matching. It runs in the supervisor, so that a bad pattern can hold up nothing but its own trial's metrics: a line
counts up to 4 KiB, a match may take 100 ms, and a pattern that took too long three times is not tried again.
"""

from __future__ import annotations

import re
import signal
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from tuned.launch.numbers import read_number
from tuned.launch.signals import TookTooLong, raise_on_alarm
from tuned.protocol import QUIET_MARK, STEP_KEY, encode_number

LINE_CAP = 4096
"""Bytes of a line that are looked at."""

PATIENCE = 0.1
"""Seconds that one match may take."""

STRIKES = 3

ROWS = 64
"""Values of a table that are held back for the step below them; a longer one is no table."""

UNREAD = 3
"""Matches of one pattern that are kept although their text is no number that can be read; more would flood the file."""

_COLOURS = re.compile(rb"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x08+")
"""Colours, titles, and the backspaces by which a bar goes back to its line's beginning."""
_DIGIT = re.compile(r"\d")
_LINE_END = re.compile(rb"[\r\n]")


class Lines:
    """Cuts a stream of bytes into lines; a newline and a carriage return both end one."""

    def __init__(self) -> None:
        self._partial = b""

    def feed(self, data: bytes) -> List[str]:
        """The lines that this piece completes, without colours, cut at `LINE_CAP` bytes; empty ones are left out."""
        *lines, rest = _LINE_END.split(self._partial + data)
        # Room for colour codes; beyond it the rest of a line is of no interest, only its end.
        self._partial = rest[: 4 * LINE_CAP]
        return [_clean(line) for line in lines if line]

    def finish(self) -> List[str]:
        """The last line, if the stream ended without completing it."""
        line, self._partial = self._partial, b""
        return [_clean(line)] if line else []


def _clean(line: bytes) -> str:
    return _COLOURS.sub(b"", line)[:LINE_CAP].decode("utf-8", "replace")


class _Pattern:
    """One pattern with its own count of matches.

    Attributes:
        tells_step: It names no metric: the step that it finds holds for what the other patterns find without one.
    """

    def __init__(self, index: int, regex: str, stream: str) -> None:
        self.index = index
        self.stream = stream
        self.counts: Dict[str, int] = {}
        self.strikes = 0
        self.unread = 0
        self.disabled: Optional[str] = None
        self.regex: Optional["re.Pattern[str]"] = None
        self.tells_step = False
        try:
            self.regex = re.compile(regex)
            self.tells_step = set(self.regex.groupindex) == {STEP_KEY}
        except (re.error, RecursionError, OverflowError) as error:
            self.disabled = "it does not compile: %s" % error

    def step(self, line: str) -> Optional[int]:
        """The step that this line tells, or None. Raises `TookTooLong` after a strike."""
        assert self.regex is not None
        match = _search_within(self.regex, line, PATIENCE)
        return None if match is None else _step(match.group(STEP_KEY))

    def metrics(self, line: str) -> Optional[Dict[str, Any]]:
        """The line's metrics with the step that it names, or None. Raises `TookTooLong` after a strike."""
        assert self.regex is not None
        match = _search_within(self.regex, line, PATIENCE)
        if match is None:
            return None
        groups = match.groupdict()
        step = _step(groups.pop(STEP_KEY, None))
        caught = {name: text for name, text in groups.items() if text is not None}
        numbers = {name: read_number(text) for name, text in caught.items()}
        values = {name: encode_number(number) for name, number in numbers.items() if number is not None}
        unread = [name for name in caught if name not in values and _DIGIT.search(caught[name])]
        if unread and self.unread < UNREAD:
            # The text itself: it is counted, and shown, as a line that could not be read.
            self.unread += 1
            values.update((name, caught[name]) for name in unread)
        if not values:
            return None
        return {STEP_KEY: step, **values}

    def counted(self, names: Iterable[str]) -> int:
        """The step of a line where nothing tells one: metrics on lines of their own are counted apart."""
        step = max(self.counts.get(name, 0) for name in names)
        self.counts.update(dict.fromkeys(names, step + 1))
        return step


class Patterns:
    """All patterns of a trial.

    Args:
        specs: Each with `regex` and `stream`, which is `stdout`, `stderr` or `both`.

    Attributes:
        tells_apart: Whether any pattern cares which stream a line came from.
    """

    def __init__(self, specs: Sequence[Mapping[str, str]]) -> None:
        self._patterns = [_Pattern(i, s["regex"], s["stream"]) for i, s in enumerate(specs)]
        self._disabled_unsaid = [p for p in self._patterns if p.disabled]
        self._patterns.sort(key=lambda pattern: not pattern.tells_step)
        self._step: Optional[int] = None
        self._tells_step = any(p.tells_step for p in self._patterns)
        self._above: Dict[str, Optional[List[Tuple[_Pattern, Dict[str, Any]]]]] = {}
        self.tells_apart = any(p.stream != "both" for p in self._patterns)
        raise_on_alarm()

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def records(self, line: str, stream: str) -> List[Dict[str, Any]]:
        """Records for `metrics.jsonl` that this line gives: metrics, and a mark for each pattern that was given up.

        The first step that a table tells (lines that begin with `|`) holds for its rows above, too: they are held back
        until it is told, or until the table ends.
        """
        found = [_disabled_mark(p) for p in self._disabled_unsaid]
        self._disabled_unsaid = []
        if self._tells_step:
            if not line.lstrip().startswith("|"):
                found += self._release(stream)
                self._above.pop(stream, None)
            elif stream not in self._above:
                self._above[stream] = []
        for pattern in self._patterns:
            if pattern.disabled or pattern.stream not in ("both", stream):
                continue
            try:
                if pattern.tells_step:
                    step = pattern.step(line)
                    if step is not None:
                        self._step = step
                        found += self._release(stream)
                    continue
                record = pattern.metrics(line)
            except TookTooLong:
                pattern.strikes += 1
                if pattern.strikes == STRIKES:
                    pattern.disabled = "it took longer than %d ms on %d lines" % (PATIENCE * 1000, STRIKES)
                    found.append(_disabled_mark(pattern))
                continue
            above = self._above.get(stream)
            if record is not None and record[STEP_KEY] is None and above is not None:
                above.append((pattern, record))
                found += self._release(stream) if len(above) > ROWS else []
            elif record is not None:
                found.append(self._stepped(pattern, record))
        return found

    def rest(self) -> List[Dict[str, Any]]:
        """Records that are held back for a step that no line tells any more: the output has ended."""
        return [record for stream in list(self._above) for record in self._release(stream)]

    def _release(self, stream: str) -> List[Dict[str, Any]]:
        """The rows held back of this stream's table, with the step as it stands; later rows are held back no more."""
        held = self._above.get(stream) or []
        if stream in self._above:
            self._above[stream] = None
        return [self._stepped(pattern, record) for pattern, record in held]

    def _stepped(self, pattern: _Pattern, record: Dict[str, Any]) -> Dict[str, Any]:
        if record[STEP_KEY] is None:
            names = [name for name in record if name != STEP_KEY]
            record[STEP_KEY] = pattern.counted(names) if self._step is None else self._step
        return record


def _disabled_mark(pattern: _Pattern) -> Dict[str, Any]:
    return {QUIET_MARK: {"pattern_disabled": pattern.index, "why": pattern.disabled}}


def _search_within(regex: "re.Pattern[str]", line: str, seconds: float) -> Optional["re.Match[str]"]:
    """`regex.search(line)`; the engine looks for signals while it backtracks, so the alarm gets through."""
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        return regex.search(line)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _step(text: Optional[str]) -> Optional[int]:
    number = None if text is None else read_number(text)
    return None if number is None or not 0 <= number < 2**53 else int(number)
