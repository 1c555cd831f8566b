"""How long things take: trials of each study, and suggestions.

Owns these running means, which steer how far ahead suggestions are made and what ETA people see. Measured again after a
restart.
"""

from __future__ import annotations

from dataclasses import dataclass

WEIGHT = 0.2
"""Of the newest measurement: the mean follows about the last ten."""


@dataclass(slots=True)
class Pace:
    """Mean seconds of a trial and of a suggestion; None before the first."""

    trial_s: float | None = None
    suggestion_s: float | None = None

    def trial(self, seconds: float) -> None:
        """A trial has taken this long."""
        self.trial_s = _follow(self.trial_s, seconds)

    def suggestion(self, seconds: float) -> None:
        """A suggestion has taken this long."""
        self.suggestion_s = _follow(self.suggestion_s, seconds)


def _follow(mean: float | None, value: float) -> float:
    return value if mean is None else mean + WEIGHT * (value - mean)


def eta_s(remaining: int, live: int, pace: Pace, parallel: int) -> float | None:
    """Seconds until a study is done, or None before the first trial has ended."""
    if pace.trial_s is None:
        return None
    return (remaining + live / 2) * pace.trial_s / max(1, parallel)
