"""The daemon's clock: Unix seconds that do not jump when somebody sets the machine's clock.

Owns the present time for every row and event. A jump is noticed by `jump`; once the durations that are under way have
been shifted by it (`tuned.daemon.housekeeping`), `follow` takes the new time over.
"""

from __future__ import annotations

import threading
import time

from tuned.faults import wall

NOTICED_S = 5.0
"""Smaller differences are left: the kernel slews the clock, and both drift together."""


class SteadyClock:
    """Wall time at its start, carried on by the monotonic clock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._offset = wall("daemon") - time.monotonic()

    def now(self) -> float:
        """Unix seconds."""
        with self._lock:
            return time.monotonic() + self._offset

    def jump(self) -> float:
        """Seconds by which the machine's clock is ahead of this one; 0 when it has not jumped."""
        ahead = wall("daemon") - self.now()
        return ahead if abs(ahead) >= NOTICED_S else 0.0

    def follow(self, seconds: float) -> None:
        """Go on from a time that lies so many seconds ahead."""
        with self._lock:
            self._offset += seconds


_clock = SteadyClock()

now = _clock.now
jump = _clock.jump
follow = _clock.follow
