"""A night in an instant: slots, a clock that jumps, and trials that replay a table's curves.

Owns the order of events. Who chooses points and stops trials is a `Policy`; the clock charges the choice's own
processor time where a slot waits for it.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field
from typing import Literal, Protocol

from benchmarks.replay.tables import Table
from tuned.core.space import Point

Verdict = Literal["go", "pause", "stop"]


@dataclass(slots=True)
class Told:
    """A trial as the simulation knows it.

    Attributes:
        epochs: Trained so far.
        state: `running`, `paused`, `pruned` or `completed`.
        free: Whether it runs to its end without being judged.
    """

    number: int
    point: Point
    place: int
    epochs: int = 0
    state: str = "running"
    free: bool = False


class Policy(Protocol):
    """What a tuner does."""

    def suggest(self, number: int, known: list[Told]) -> tuple[Point | None, float]:
        """The point of the trial of this number, None when there is none, and the seconds that it took."""

    def report(self, trial: Told, value: float, best: float) -> Verdict:
        """What becomes of a trial after an epoch."""

    def ended(self, trial: Told, value: float) -> None:
        """A trial has stopped running, for good or until it is resumed."""

    def resume(self, over: bool) -> int | None:
        """The number of a paused trial that goes on now; with `over`, no new trial will come."""


@dataclass(slots=True)
class Run:
    """One search.

    Attributes:
        trace: (epochs spent, seconds, log10 of the share of truly better points than the best whole trial).
        trials: All of them.
        idle_s: Seconds in which slots waited for a point.
        cpu_s: Processor seconds of choosing points.
    """

    trace: list[tuple[int, float, float]] = field(default_factory=list)
    trials: list[Told] = field(default_factory=list)
    epochs: int = 0
    seconds: float = 0.0
    idle_s: float = 0.0
    cpu_s: float = 0.0


def replay(table: Table, policy: Policy, trials: int, slots: int = 1, epoch_s: float = 10.0) -> Run:
    """One search over a table.

    Args:
        table: What trials replay.
        policy: The tuner.
        trials: How many points it tries.
        slots: Trials at once.
        epoch_s: Seconds that an epoch takes on average.
    """
    run, now = Run(), 0.0
    best_whole, best_score = math.inf, 0.0
    events: list[tuple[float, int, int]] = []  # time, order, number
    order, free, exhausted = 0, slots, False
    known = run.trials
    while True:
        while free:
            # What waits at a rung goes first: nothing newer is worth more.
            number = policy.resume(False)
            if number is None and len(known) < trials and not exhausted:
                point, cost = policy.suggest(len(known) + 1, known)
                run.cpu_s += cost
                if point is None:
                    exhausted = True
                    continue
                known.append(Told(len(known) + 1, point, table.place(point)))
                number = len(known)
                run.idle_s += cost
                begin = now + cost
            elif number is None and not events:
                number = policy.resume(True)
                begin = now
            else:
                begin = now
            if number is None:
                break
            trial = known[number - 1]
            trial.state = "running"
            free -= 1
            order += 1
            heapq.heappush(events, (begin + epoch_s * table.cost[trial.place], order, number))
        if not events:
            run.seconds = now
            return run
        now, _, number = heapq.heappop(events)
        trial = known[number - 1]
        trial.epochs += 1
        run.epochs += 1
        best = float(table.best_so_far[trial.place, trial.epochs - 1])
        verdict: Verdict = "go" if trial.free else policy.report(
            trial, float(table.loss[trial.place, trial.epochs - 1]), best
        )  # fmt: skip
        if trial.epochs == table.epochs:
            trial.state = "completed"
            if best < best_whole:
                best_whole, best_score = best, float(table.better[trial.place])
            run.trace.append((run.epochs, now, best_score))
        elif verdict != "go":
            trial.state = "paused" if verdict == "pause" else "pruned"
        if trial.state == "running":
            order += 1
            heapq.heappush(events, (now + epoch_s * table.cost[trial.place], order, number))
            continue
        free += 1
        policy.ended(trial, best)
