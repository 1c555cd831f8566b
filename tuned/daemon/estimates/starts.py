"""When waiting trials will start, if everything takes as long as it has so far. Pure; an estimate, never a promise."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from tuned.daemon.estimates.pace import left_s


@dataclass(frozen=True, slots=True)
class Running:
    """A live trial: its study, for how long it has run, in seconds."""

    study_id: int
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class Lane:
    """The known facts of a study.

    Attributes:
        trial_s: Mean seconds of a trial; None: nothing yet.
        parallel: How many may run at once.
        gpus: A trial's share of the GPUs: none (it has a CPU slot), a part of one, one or several.
    """

    trial_s: float | None
    parallel: int
    gpus: float = 0.0


def lane_gpus(gpus: float, capacity: int, places: int, several: bool) -> float:
    """A trial's share of the GPUs.

    Args:
        gpus: As its study wants them.
        capacity: How many such trials have room, each with what it wants.
        places: How many run at once where they share cards by themselves.
        several: Whether other studies run or wait, too: a card that trials of one share is taken for those of another.
    """
    return gpus if several else gpus * capacity / max(capacity, places)


@dataclass(slots=True)
class _Machine:
    """Parts of slots by the time at which they are free, and each study's ends; a time that nobody knows is left out.

    `free` has a heap for the CPU slots and one for the GPUs; a GPU is cut into as many parts as the smallest share.
    """

    parts: int
    free: dict[bool, list[float]]
    ends: dict[int, list[float]] = field(default_factory=dict)
    endless: dict[int, int] = field(default_factory=dict)

    def needs(self, lane: Lane) -> int:
        """Parts that a trial takes of its heap."""
        return max(1, math.ceil(lane.gpus * self.parts - 1e-6)) if lane.gpus else 1

    def run(self, study_id: int, lane: Lane, begin: float, seconds: float | None) -> None:
        """Parts that were taken off come back when a trial ends."""
        if seconds is None:
            self.endless[study_id] = self.endless.get(study_id, 0) + 1
            return
        for _ in range(self.needs(lane)):
            heapq.heappush(self.free[lane.gpus > 0], begin + seconds)
        self.ends.setdefault(study_id, []).append(begin + seconds)


def start_estimates(
    cpus: int, gpus: int, running: Sequence[Running], waiting: Sequence[int], lanes: dict[int, Lane]
) -> list[float | None]:
    """Seconds until each waiting trial starts.

    Args:
        cpus: CPU slots.
        gpus: GPUs that can be leased.
        running: The live ones.
        waiting: Study ids of the waiting ones, in the order in which they run.
        lanes: By study id.

    Returns:
        In the order of `waiting`; None where a study before it (or its own limit) has no trial to judge by.
    """
    parts = math.floor(1 / min([1.0, *(lane.gpus for lane in lanes.values() if lane.gpus)]) + 1e-6)
    machine = _Machine(parts, {False: [0.0] * cpus, True: [0.0] * (gpus * parts)})
    for trial in running:
        lane = lanes[trial.study_id]
        free = machine.free[lane.gpus > 0]
        del free[: machine.needs(lane)]
    for trial in running:
        lane = lanes[trial.study_id]
        left = None if lane.trial_s is None else left_s(lane.trial_s, trial.elapsed_s)
        machine.run(trial.study_id, lane, 0.0, left)
    found: list[float | None] = []
    for study_id in waiting:
        lane = lanes[study_id]
        begin = _begin(machine, study_id, lane)
        found.append(begin)
        if begin is not None:
            machine.run(study_id, lane, begin, lane.trial_s)
    return found


def _begin(machine: _Machine, study_id: int, lane: Lane) -> float | None:
    """When the next trial of a study begins; the parts that it takes are taken off."""
    free, needed = machine.free[lane.gpus > 0], machine.needs(lane)
    allowed = lane.parallel - machine.endless.get(study_id, 0)
    if len(free) < needed or allowed < 1:
        return None
    ends = sorted(machine.ends.get(study_id, []))
    earliest = ends[-allowed] if len(ends) >= allowed else 0.0
    return max(earliest, *(heapq.heappop(free) for _ in range(needed)))
