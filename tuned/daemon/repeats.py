"""Warnings that repeat: of the same line the log has the first few, then one an hour that says how many it stands for.

A full disk, a process that nobody can end: what a loop meets at every look, for hours, would bury everything else.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from tuned.core.words import count

FIRST = 3
"""So many of the same are logged at once: that it goes on, and how often it is met, are worth a line each."""
AGAIN_S = 3600.0
"""Between two lines of the same after these; one that was not met for so long is a new one."""
_KEPT = 1000


@dataclass(slots=True)
class _Met:
    logged: int = 0
    withheld: int = 0
    logged_at: float = 0.0
    met_at: float = 0.0


class Repeats(logging.Filter):
    """Holds back what a log has already.

    Args:
        now: A clock that does not jump, in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._now = now
        self._lock = threading.Lock()
        self._met: dict[tuple[str, str], _Met] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this line is written; where others like it were held back, it says how many."""
        if record.levelno < logging.WARNING:
            return True
        now, message = self._now(), record.getMessage()
        with self._lock:
            met = self._met.pop((record.name, message), None)
            if met is None or now >= met.met_at + AGAIN_S:
                met = _Met()
            self._met[record.name, message] = met  # the last one met is the last to be forgotten
            if len(self._met) > _KEPT:
                del self._met[next(iter(self._met))]
            met.met_at = now
            if met.logged >= FIRST and now < met.logged_at + AGAIN_S:
                met.withheld += 1
                return False
            withheld, met.withheld = met.withheld, 0
            met.logged, met.logged_at = met.logged + 1, now
        if withheld:
            record.msg, record.args = f"{message} (and {count(withheld, 'time')} more since that was logged)", ()
        return True
