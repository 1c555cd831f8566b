"""How long a trial or an attempt ran, for every table, page and estimate that says it. Owns when that is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from tuned.core.states import TrialState


class Run(Protocol):
    """A trial's latest run; times are Unix seconds, `still_since` is set while it stands still or waits."""

    @property
    def state(self) -> str:
        """The trial's."""

    @property
    def started_at(self) -> float | None:
        """Its begin."""

    @property
    def ended_at(self) -> float | None:
        """Its end."""

    @property
    def still_s(self) -> float:
        """Seconds for which it stood still before."""

    @property
    def still_since(self) -> float | None:
        """The moment since which it stands still."""


def ran_s(run: Run, now: float) -> float | None:
    """Seconds of the trial's latest run: to its end, or up to now while it runs; those in which it stood still do not
    count, nor those in which it waited after a run that was cut short, should it end while it waits.

    None for one that never began, and for one that waits or is about to begin again: its clock stands still, and each
    attempt says its own time.
    """
    if run.started_at is None or (run.ended_at is None and run.state != TrialState.RUNNING):
        return None
    end = now if run.ended_at is None else run.ended_at
    return max(0.0, end - run.started_at - still_s(run, end))


def still_s(run: Run, now: float) -> float:
    """Seconds for which the trial has stood still in its latest run."""
    return run.still_s + (0.0 if run.still_since is None else max(0.0, now - run.still_since))


def attempt_ran_s(attempt: Mapping[str, Any]) -> float | None:
    """Seconds of an ended attempt, by its row; those in which it stood still do not count.

    None for one that never began or still runs.
    """
    if attempt.get("started_at") is None or attempt.get("ended_at") is None:
        return None
    return max(0.0, float(attempt["ended_at"] - attempt["started_at"] - attempt.get("still_s", 0.0)))


def moved_s(begin: float, end: float, still: Sequence[tuple[float, float]]) -> float:
    """Seconds between two moments, without those in which a trial stood still.

    Args:
        begin: Unix seconds.
        end: Unix seconds.
        still: Begin and end of each time in which it stood still.
    """
    stood = sum(max(0.0, min(until, end) - max(since, begin)) for since, until in still)
    return max(0.0, end - begin - stood)
