"""How long a trial has run, for every table and page that says it. Owns when that is known."""

from __future__ import annotations

from tuned.core.states import LIVE


def ran_s(state: str, started_at: float | None, ended_at: float | None, now: float) -> float | None:
    """Seconds of the trial's latest run: to its end, or up to now while it is live.

    None for one that never began, and for one that waits after a run that was cut short: its clock stands still, and
    each attempt says its own time.
    """
    if started_at is None:
        return None
    if ended_at is not None:
        return ended_at - started_at
    return now - started_at if state in LIVE else None
