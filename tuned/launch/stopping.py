"""When a running attempt gets which signal: pure decisions over the time of a monotonic clock.

Knows nothing of processes. A trial that asks `should_stop()` gets `grace` seconds to end by itself; any other is asked
by SIGTERM at once; SIGKILL follows ten seconds after SIGTERM. Running out of time is treated like the latter. One that
may go on later is asked between two saves, if one ends within `grace`.
"""

from __future__ import annotations

import signal
from typing import Callable, Optional

KILL_AFTER = 10.0
"""Seconds between SIGTERM and SIGKILL."""

LOOK_AGAIN = 0.05
"""Seconds between two looks at a trial that saves."""

LOOK_EVERY = 5.0
"""Seconds between two looks of a supervisor at its records, where nobody on its machine could tell of a new one."""

_SENT = float("inf")
"""In the place of a time: this signal was sent, or is of no use any more."""


class Stopping:
    """The plan for one attempt.

    Args:
        grace: Seconds that a trial with the SDK gets to end by itself, and that another has to finish a save.
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
        self._latest = 0.0
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
            reason: `reason` of `stop.json`; a later one replaces an earlier one.
            listens: The trial uses the SDK and will notice by itself.
            now: Seconds.
        """
        self.reason = reason
        if reason == "kill":
            self._kill_at = now
        elif self._terminate_at is None and self._kill_at is None:
            self._latest = now + self._grace
            self._terminate_at = self._latest if listens else now

    def due(self, now: float, saving: Callable[[], bool] = lambda: False) -> Optional[signal.Signals]:
        """The signal to send now, if any; each is given once.

        Args:
            now: Seconds.
            saving: Whether the trial is in the middle of a save. It is asked when SIGTERM is due to one that may go on
                later, and its last answer before that signal is false, unless the grace is over.
        """
        if self._kill_at is not None and now >= self._kill_at:
            self._kill_at = self._expires = None
            self._terminate_at = _SENT
            return signal.SIGKILL
        if self._held_since is None and self._expires is not None and now >= self._expires:
            self._expires = None
            self.timed_out = True
            if self._kill_at is None:
                self._terminate_at, self._latest = now, now + self._grace
        if self._terminate_at is not None and now >= self._terminate_at:
            if self._may_go_on() and now < self._latest and saving():
                self._terminate_at = min(now + LOOK_AGAIN, self._latest)
                return None
            self._terminate_at = _SENT
            self._kill_at = now + KILL_AFTER
            return signal.SIGTERM
        return None

    def _may_go_on(self) -> bool:
        """A pause, and a time limit, may be followed by another attempt."""
        return self.reason == "pause" or (self.reason is None and self.timed_out)

    def wait(self, now: float) -> Optional[float]:
        """Seconds until `due` has something to say; None for never, as far as is known now."""
        expires = self._expires if self._held_since is None else None
        times = [t for t in (expires, self._terminate_at, self._kill_at) if t is not None]
        soonest = min(times, default=_SENT)
        return None if soonest == _SENT else max(0.0, soonest - now)
