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
        held: Seconds that it stood still, those before the last `go_on`.
    """

    def __init__(self, grace: float, timeout: Optional[float], now: float) -> None:
        self.reason: Optional[str] = None
        self.timed_out = False
        self._grace = grace
        self._expires = None if timeout is None else now + timeout
        self._terminate_at: Optional[float] = None
        self._kill_at: Optional[float] = None
        self._held_since: Optional[float] = None
        self.held = 0.0

    def hold(self, now: float) -> None:
        """The processes stand still: from now on no running time passes."""
        if self._held_since is None:
            self._held_since = now

    def go_on(self, now: float) -> None:
        """They move again."""
        if self._held_since is None:
            return
        seconds, self._held_since = now - self._held_since, None
        self.held += seconds
        if self._expires is not None:
            self._expires += seconds

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
        if self._held_since is None and self._expires is not None and now >= self._expires:
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
        expires = self._expires if self._held_since is None else None
        times = [t for t in (expires, self._terminate_at, self._kill_at) if t is not None]
        soonest = min(times, default=_SENT)
        return None if soonest == _SENT else max(0.0, soonest - now)
