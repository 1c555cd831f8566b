"""When waiting trials will start, if everything takes as long as it has so far. Pure; an estimate, never a promise."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Running:
    """A live trial: its study, for how long it has run, in seconds."""

    study_id: int
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class Lane:
    """What is known of a study: mean seconds of a trial (None: nothing yet) and how many may run at once."""

    trial_s: float | None
    parallel: int


@dataclass(slots=True)
class _Machine:
    """Slots by the time at which they are free, and each study's ends; a time that nobody knows is left out."""

    free: list[float]
    ends: dict[int, list[float]] = field(default_factory=dict)
    endless: dict[int, int] = field(default_factory=dict)

    def take(self, study_id: int, seconds: float | None, at: float) -> None:
        if seconds is None:
            self.endless[study_id] = self.endless.get(study_id, 0) + 1
            return
        heapq.heappush(self.free, at + seconds)
        self.ends.setdefault(study_id, []).append(at + seconds)


def start_estimates(
    slots: int, running: Sequence[Running], waiting: Sequence[int], lanes: dict[int, Lane]
) -> list[float | None]:
    """Seconds until each waiting trial starts.

    Args:
        slots: How many trials the machine runs at once.
        running: The live ones.
        waiting: Study ids of the waiting ones, in the order in which they run.
        lanes: By study id.

    Returns:
        In the order of `waiting`; None where a study before it (or its own limit) has no trial to judge by.
    """
    machine = _Machine([0.0] * max(0, slots - len(running)))
    for trial in running:
        mean = lanes[trial.study_id].trial_s
        machine.take(trial.study_id, None if mean is None else max(0.0, mean - trial.elapsed_s), 0.0)
    found: list[float | None] = []
    for study_id in waiting:
        lane = lanes[study_id]
        begin = _begin(machine, study_id, lane.parallel)
        found.append(begin)
        if begin is not None:
            machine.take(study_id, lane.trial_s, begin)
    return found


def _begin(machine: _Machine, study_id: int, parallel: int) -> float | None:
    """When the next trial of a study begins; the slot that it takes is taken off."""
    allowed = parallel - machine.endless.get(study_id, 0)
    if not machine.free or allowed < 1:
        return None
    ends = sorted(machine.ends.get(study_id, []))
    earliest = ends[-allowed] if len(ends) >= allowed else 0.0
    return max(heapq.heappop(machine.free), earliest)
