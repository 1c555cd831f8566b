"""Files that may be removed from the disk when a quota is exceeded, least useful first.

Owns the ranking. Pure: sizes in, a list out. The database is never thinned: only checkpoints, work folders and
logs of trials that ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tuned.core.states import TERMINAL, TrialState

TOP_K = 5


@dataclass(frozen=True, slots=True)
class Footprint:
    """The bytes of one trial.

    Attributes:
        study, number, state: Which trial.
        rank: Its place among the finished trials of its study, 1 for the best; None without a result.
        ended_at: Unix seconds; None while it has not ended.
        checkpoint_bytes, work_bytes, log_bytes: Bytes on the disk that could be freed.
        active_study: Whether its study has not ended.
    """

    study: str
    number: int
    state: TrialState
    rank: int | None
    ended_at: float | None
    checkpoint_bytes: int
    work_bytes: int
    log_bytes: int
    active_study: bool


@dataclass(frozen=True, slots=True)
class Removal:
    """Remove this part (`checkpoint`, `work` or `log`) of a trial, which frees so many bytes."""

    study: str
    number: int
    part: str
    size: int


def removals(footprints: Sequence[Footprint], used: int, quota: int) -> list[Removal]:
    """The parts to remove until `used` is within `quota`.

    Never touched: trials that have not ended (running, queued, paused), and the `TOP_K` best of each study, the
    incumbent among them. First go failed and cancelled trials, then pruned, then completed ones from the worst up;
    of equal ones the oldest. Checkpoints and work folders of all go before any log does.

    Args:
        footprints: All trials that have a folder.
        used: Bytes that the run directories take now.
        quota: Bytes that they may take.
    """
    candidates = [f for f in footprints if f.state in TERMINAL and (f.rank is None or f.rank > TOP_K)]
    candidates.sort(key=_usefulness)
    chosen: list[Removal] = []
    for parts in (("checkpoint", "work"), ("log",)):
        for footprint in candidates:
            for part in parts:
                if used <= quota:
                    return chosen
                size = getattr(footprint, f"{part}_bytes")
                if size:
                    chosen.append(Removal(footprint.study, footprint.number, part, size))
                    used -= size
    return chosen


_WORTH = {
    TrialState.CANCELLED: 0,
    TrialState.FAILED: 1,
    TrialState.LOST: 2,
    TrialState.PRUNED: 3,
    TrialState.COMPLETED: 4,
}


def _usefulness(footprint: Footprint) -> tuple[bool, int, int, float]:
    rank = footprint.rank if footprint.rank is not None else 2**31
    return (footprint.active_study, _WORTH[footprint.state], -rank, footprint.ended_at or 0.0)
