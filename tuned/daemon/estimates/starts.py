"""When waiting trials will start, and studies will be over, if everything takes as long as it has so far.

Pure; an estimate, never a promise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tuned.daemon.estimates.pace import left_s

CPUS, GPUS = "cpus", "gpus"


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
        beside: How many of its trials share that.
        place: Where its trials run, if not here.
    """

    trial_s: float | None
    parallel: int
    gpus: float = 0.0
    beside: int = 1
    place: str = ""

    @property
    def pool(self) -> str:
        """The slots that its trials run in."""
        return f"place {self.place}" if self.place else GPUS if self.gpus else CPUS


@dataclass(frozen=True, slots=True)
class Turn:
    """Trials of one study that follow each other in the queue.

    Attributes:
        count: How many they are; None: without end.
        until_s: Seconds until its time budget ends them; None without one.
    """

    study_id: int
    count: int | None = 1
    until_s: float | None = None


@dataclass(frozen=True, slots=True)
class Foresight:
    """The expectation, in seconds from now; None where a study's pace, or that of one before it, is not known.

    Attributes:
        starts: When the first trial of each turn starts.
        ends: Study id -> when its last trial is over.
    """

    starts: list[float | None]
    ends: dict[int, float | None]


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

    `free` has the parts of each pool, the earliest first; a GPU is cut into as many parts as the smallest share.
    """

    parts: int
    free: dict[str, list[float]]
    ends: dict[int, list[float]] = field(default_factory=dict)
    endless: dict[int, int] = field(default_factory=dict)

    def needs(self, lane: Lane) -> int:
        """Parts that a trial takes of its pool."""
        return max(1, math.ceil(lane.gpus * self.parts - 1e-6)) if lane.pool == GPUS else 1

    def hold(self, study_id: int, left: Sequence[float], lane: Lane) -> list[float]:
        """Take the parts of a study's live trials off; when they come back.

        Args:
            study_id: The study.
            left: Seconds that each has left; infinite where that is not known. Of those that share a card, the last
                to end has it.
            lane: The study's.
        """
        free, back = self.free.setdefault(lane.pool, []), []
        for seconds in sorted(left, reverse=True)[:: lane.beside]:
            taken = free[: self.needs(lane)]
            del free[: len(taken)]
            back += [seconds] * len(taken)
        self.ends[study_id] = sorted(seconds for seconds in left if seconds < math.inf)
        self.endless[study_id] = len(left) - len(self.ends[study_id])
        return [seconds for seconds in back if seconds < math.inf]

    def take(self, turn: Turn, lane: Lane) -> tuple[float | None, float | None]:
        """When the first of these trials begins, and the last is over; the parts that they take are theirs until then.

        Equal trials are poured over the slots: the last of them ends where that has one level.
        """
        free, needed = self.free.setdefault(lane.pool, []), self.needs(lane)
        allowed = max(0, lane.parallel - self.endless.get(turn.study_id, 0))
        own = self.ends.get(turn.study_id, [])[-allowed:] if allowed else []
        own = [0.0] * (allowed - len(own)) + own
        wide = allowed if turn.count is None else min(turn.count, allowed)
        chunks = min(math.ceil(wide / lane.beside), len(free) // needed)
        opens = [free[(n + 1) * needed - 1] for n in range(chunks) for _ in range(lane.beside)]
        begins = [max(pair) for pair in zip(opens, own[:wide], strict=False)]
        end = _end(begins, turn, lane)
        if turn.until_s is not None:
            end = min(math.inf if end is None else end, max([turn.until_s, *self.ends.get(turn.study_id, [])]))
        taken = free[: chunks * needed]
        del free[: chunks * needed]
        if end is None:
            self.endless[turn.study_id] = self.endless.get(turn.study_id, 0) + len(begins)
            self.ends[turn.study_id] = own[len(begins) :]
        else:
            free += [max(part, end) for part in taken]
            free.sort()
            self.ends[turn.study_id] = sorted(own[len(begins) :] + [max(e, end) for e in own[: len(begins)]])
        return (begins[0] if begins else None), end


def _end(begins: Sequence[float], turn: Turn, lane: Lane) -> float | None:
    """When the last of these trials is over, if slots are free at these times, the earliest first; None: unknown."""
    if turn.count == 0:
        return 0.0
    if turn.count is None or lane.trial_s is None or not begins:
        return None
    filled, level = turn.count * lane.trial_s, 0.0
    for n, begin in enumerate(begins, 1):
        filled += begin
        level = filled / n
        if n < len(begins) and level <= begins[n]:
            break
    return max(level, begins[0] + lane.trial_s)


def foresee(
    pools: Mapping[str, int], running: Sequence[Running], queue: Sequence[Turn], lanes: Mapping[int, Lane]
) -> Foresight:
    """When waiting trials start, and studies are over.

    Args:
        pools: CPU slots, GPUs that can be leased, and the slots of places: their number, by the pool's name.
        running: The live trials.
        queue: The waiting ones, in the order in which they run.
        lanes: By study id.
    """
    parts = math.floor(1 / min([1.0, *(lane.gpus for lane in lanes.values() if lane.gpus)]) + 1e-6)
    machine = _Machine(parts, {pool: [0.0] * (size * (parts if pool == GPUS else 1)) for pool, size in pools.items()})
    left: dict[int, list[float]] = {study_id: [] for study_id in lanes}
    for trial in running:
        mean = lanes[trial.study_id].trial_s
        left[trial.study_id].append(math.inf if mean is None else left_s(mean, trial.elapsed_s))
    back = {study_id: machine.hold(study_id, seconds, lanes[study_id]) for study_id, seconds in left.items()}
    for study_id, times in back.items():
        pool = lanes[study_id].pool
        machine.free[pool] = sorted(machine.free[pool] + times)
    ends = {study_id: max(seconds, default=0.0) for study_id, seconds in left.items()}
    starts: list[float | None] = []
    for turn in queue:
        begin, end = machine.take(turn, lanes[turn.study_id])
        starts.append(begin)
        known = ends[turn.study_id] if turn.until_s is None else 0.0
        ends[turn.study_id] = max(known, math.inf if end is None else end)
    return Foresight(starts, {study_id: None if end == math.inf else end for study_id, end in ends.items()})
