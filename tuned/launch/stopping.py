"""When a running attempt gets which signal: pure decisions over the time of a monotonic clock.

Knows nothing of processes. A trial that asks `should_stop()` gets `grace` seconds to end by itself; any other is asked
by SIGTERM at once; SIGKILL follows ten seconds after SIGTERM. Running out of time is treated like the latter.
"""

from __future__ import annotations

import signal
from typing import Optional

KILL_AFTER = 10.0
"""Seconds between SIGTERM and SIGKILL."""

_SENT = float("inf")
"""In the place of a time: this signal was sent, or is of no use any more."""


class Stopping:
    """The plan for one attempt.

    Args:
        grace: Seconds that a trial with the SDK gets to end by itself.
        timeout: Seconds of running time, or None.
        now: When the attempt began, in seconds of the clock that all other times are of.

    Attributes:
        reason: Why the daemon wants it to end, or None.
        timed_out: It ran out of time.
    """

    def __init__(self, grace: float, timeout: Optional[float], now: float) -> None:
        self.reason: Optional[str] = None
        self.timed_out = False
        self._grace = grace
        self._expires = None if timeout is None else now + timeout
        self._terminate_at: Optional[float] = None
        self._kill_at: Optional[float] = None

    def request(self, reason: str, listens: bool, now: float) -> None:
        """The daemon wants the attempt to end.

        Args:
            reason: One of `protocol.STOP_REASONS`; a later one replaces an earlier one.
            listens: The trial uses the SDK and will notice by itself.
            now: Seconds.
        """
        self.reason = reason
        if reason == "kill":
            self._kill_at = now
        elif self._terminate_at is None and self._kill_at is None:
            self._terminate_at = now + self._grace if listens else now

    def due(self, now: float) -> Optional[signal.Signals]:
        """The signal to send now, if any; each is given once."""
        if self._kill_at is not None and now >= self._kill_at:
            self._kill_at = self._expires = None
            self._terminate_at = _SENT
            return signal.SIGKILL
        if self._expires is not None and now >= self._expires:
            self._expires = None
            self.timed_out = True
            if self._kill_at is None:
                self._terminate_at = now
        if self._terminate_at is not None and now >= self._terminate_at:
            self._terminate_at = _SENT
            self._kill_at = now + KILL_AFTER
            return signal.SIGTERM
        return None

    def wait(self, now: float) -> Optional[float]:
        """Seconds until `due` has something to say; None for never, as far as is known now."""
        times = [t for t in (self._expires, self._terminate_at, self._kill_at) if t is not None]
        soonest = min(times, default=_SENT)
        return None if soonest == _SENT else max(0.0, soonest - now)
