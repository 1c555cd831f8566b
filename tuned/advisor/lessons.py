"""Lessons of failed trials: regions where points run out of memory, or fail for another reason of their own.

Owns the constraints that are modelled beside the objectives: the measured peak of memory where it is known, else
whether a point gave a result at all. Failures that say nothing of the point (a bug, a kill, a lost process) are not
its business.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from tuned.advisor.messages import ObjectiveLine, TrialLine
from tuned.core import words
from tuned.core.search.memory_fit import LEAST, MemoryFit
from tuned.core.space import Point, SearchSpace
from tuned.core.states import Failure

TEACHING = frozenset({Failure.OOM, Failure.TIMEOUT, Failure.INFEASIBLE})
"""Failures that belong to the point."""
MOST_FAILED = 100
"""Failed points that a model learns from, the latest."""
BEYOND = 1.25
"""A point that ran out of memory would have needed this many times the limit, at least."""
USABLE = 0.95
"""Of a device's memory."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A point that gave a result, and its peak of memory in bytes; NaN when unknown."""

    number: int
    point: Point
    memory: float


@dataclass(frozen=True, slots=True)
class Failed:
    """A point that failed for a reason of its own. `memory`: bytes at its peak; None when unknown."""

    number: int
    point: Point
    failure: Failure
    memory: float | None = None


@dataclass(frozen=True, slots=True)
class Lesson:
    """One more outcome to model, with its bound.

    Attributes:
        line: Its name, and the bound that it must keep.
        known: Trial number -> its value, of results and failures alike.
        why: For a person.
    """

    line: ObjectiveLine
    known: Mapping[int, float]
    why: str


def failed_of(trial: TrialLine, point: Point) -> Failed | None:
    """The failure of a trial, if it teaches anything."""
    if trial.failure is None or trial.failure not in TEACHING:
        return None
    return Failed(trial.number, point, trial.failure, trial.memory)


def lessons_of(
    space: SearchSpace, results: Sequence[Measured], failed: Sequence[Failed], limit: float | None
) -> tuple[Lesson, ...]:
    """The outcomes that these failures ask for; none without a failure.

    Args:
        space: The study's.
        results: Points that gave one.
        failed: Points that failed for a reason of their own.
        limit: Bytes that a trial can have; None when nobody knows.
    """
    short = [f for f in failed if f.failure is Failure.OOM]
    found = []
    if short and len(results) >= LEAST and all(r.memory > 0 for r in results):
        found.append(_memory(space, results, short, limit))
        failed = [f for f in failed if f.failure is not Failure.OOM]
    if failed and results:
        known = {**{r.number: 1.0 for r in results}, **{f.number: 0.0 for f in failed}}
        line = ObjectiveLine("gives a result", "maximize", bound=0.5)
        found.append(Lesson(line, known, f"keeps away from where {len(failed)} failed"))
    return tuple(found)


def _memory(space: SearchSpace, results: Sequence[Measured], short: Sequence[Failed], limit: float | None) -> Lesson:
    largest = max(r.memory for r in results)
    seen = [f.memory for f in short if f.memory]
    most = max(largest, USABLE * limit if limit else median(seen) if seen else largest)
    known = {r.number: math.log2(r.memory) for r in results}
    fit = MemoryFit.of(space, [(r.point, r.memory) for r in results])
    for failure in short:
        # The memory that it held at its end is a lower bound: it asked for more.
        known[failure.number] = max(fit.log2(failure.point), math.log2(BEYOND * max(most, failure.memory or 0.0)))
    line = ObjectiveLine("log2 of memory", "minimize", bound=math.log2(most))
    return Lesson(line, known, f"keeps to {words.size(most)}, from {len(short)} that ran out of memory")
