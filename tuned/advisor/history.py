"""A study's trials as evidence: results, points under way, points to keep away from.

Owns that judgement and the bound on how much is fed to the model. It knows nothing of Ax.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import median

from tuned.advisor.lessons import MOST_FAILED, Failed, Measured, failed_of
from tuned.advisor.messages import ObjectiveLine, TrialLine
from tuned.core.ranking import whole
from tuned.core.search.bound import MODEL, SEVERAL, bounded
from tuned.core.space import Point, SearchSpace, canonical_key
from tuned.core.states import OPEN, VALUED, Failure, TrialState

MOST_DATA = 300
"""Trials that a model is fitted to. Beyond, a suggestion takes seconds. Which: `tuned.core.search.bound`."""
MOST_DATA_SEVERAL = 60
"""The same with several objectives, where the cost grows with the number of trials that none dominates: the latest
half, and the best by each in turn."""
MOST_POINTS = 60
"""Points without a value (pending or avoided) that a model is told of, the latest of each kind."""

TAME = 5.0
"""Results worse than the median by this many times the distance from the best to the median are told as that bad."""

LEAST_FINISHED = 2
"""Finished trials at a rung from which is told what another one would have gained beyond it."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A point with a finite value of each objective, in the objectives' order."""

    number: int
    point: Point
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Data of a model, in the order of trial numbers.

    Attributes:
        data: Results; a diverged trial counts as bad as the worst one seen, and no result is told as worse than `TAME`
            allows: one loss of 1e30 would flatten all that matters.
        pending: Points whose results are awaited.
        avoided: Points that gave nothing: kept away from, not learned from.
        failed: Points that failed for a reason of their own, which is learned from.
        prior: Results of earlier studies, under numbers below zero.
        measured: Each of `data` with its peak of memory.
        diverged: How many of `data` diverged.
        best: The best sample by the first objective among those that neither diverged nor broke a constraint; one that
            was cut short only where no other is.
        taken: `canonical_key` of every point that was ever used.
    """

    data: tuple[Sample, ...]
    pending: tuple[tuple[int, Point], ...]
    avoided: tuple[tuple[int, Point], ...]
    diverged: int
    best: Sample | None
    taken: frozenset[str]
    failed: tuple[Failed, ...] = ()
    measured: tuple[Measured, ...] = ()
    prior: tuple[Sample, ...] = ()

    def awaiting(self, number: int, point: Point) -> Evidence:
        """The same, with one more point that is about to be tried."""
        pending = (*self.pending, (number, point))
        return replace(self, pending=pending, taken=self.taken | {canonical_key(point)})


def weigh(
    space: SearchSpace, objectives: Sequence[ObjectiveLine], trials: Iterable[TrialLine], most: int = MOST_DATA
) -> Evidence:
    """The evidence in a study's trials.

    Trials whose point is no longer part of the space are left out, as are cancelled and lost ones.

    Args:
        space: As it is now.
        objectives: At least one, unless nothing is to be modelled.
        trials: In any order.
        most: Results that a model is fitted to; fewer with several objectives.
    """
    data: list[Sample] = []
    diverged: list[tuple[int, Point, tuple[float, ...]]] = []
    pending: list[tuple[int, Point]] = []
    avoided: list[tuple[int, Point]] = []
    failed: list[Failed] = []
    memory: dict[int, float] = {}
    taken: set[str] = set()
    ordered = sorted(trials, key=lambda t: t.number)
    projected = _projected(objectives, ordered)
    for trial in ordered:
        point = space.carried(trial.params)
        if point is None:
            continue
        taken.add(canonical_key(point))
        memory[trial.number] = math.nan if trial.memory is None else trial.memory
        values = tuple(trial.values.get(o.metric) for o in objectives)
        reported = tuple(math.nan if v is None else v for v in values)
        if trial.number in projected:
            data.append(Sample(trial.number, point, (projected[trial.number],)))
        elif trial.state in OPEN:
            pending.append((trial.number, point))
        elif trial.state in VALUED and values and all(math.isfinite(v) for v in reported):
            data.append(Sample(trial.number, point, reported))
        elif (trial.state in VALUED and values and None not in values) or trial.failure is Failure.NAN:
            diverged.append((trial.number, point, reported))
        elif trial.state is TrialState.FAILED and (lesson := failed_of(trial, point)) is not None:
            failed.append(lesson)
        elif trial.state in VALUED or trial.state is TrialState.FAILED:
            avoided.append((trial.number, point))
    whole_ones = {trial.number for trial in ordered if whole(trial)}
    best = _best(objectives, [s for s in data if s.number in whole_ones] or data)
    if data:
        worst = [o.sign * max(o.sign * s.values[k] for s in data) for k, o in enumerate(objectives)]
        for number, point, reported in diverged:
            filled = tuple(v if math.isfinite(v) else w for v, w in zip(reported, worst, strict=True))
            data.append(Sample(number, point, filled))
    else:
        avoided += [(number, point) for number, point, _ in diverged]
    kept = _tamed(objectives, _bounded(objectives, data, most))
    wild = {number for number, _, _ in diverged}
    return Evidence(
        kept,
        tuple(pending[-MOST_POINTS:]),
        tuple(sorted(avoided, key=lambda a: a[0])[-MOST_POINTS:]),
        sum(sample.number in wild for sample in kept),
        best,
        frozenset(taken),
        tuple(failed[-MOST_FAILED:]),
        tuple(Measured(sample.number, sample.point, memory[sample.number]) for sample in kept),
    )


def _projected(objectives: Sequence[ObjectiveLine], trials: Sequence[TrialLine]) -> dict[int, float]:
    """The probable end values of trials that were cut short or are paused, by number.

    Early values beside final ones would tell a model that a region is bad because its trials were short, or good
    because its folds were easy. So each gets the difference that whole trials showed, at the median, between the same
    point and their end: the same folds where it has reported folds, else the same rung. Where too few of them
    (`LEAST_FINISHED` at a rung, one for folds) were seen there, a value stays as it was.
    """
    if len(objectives) != 1:
        return {}
    metric = objectives[0].metric
    seen_whole = [t for t in trials if whole(t) and math.isfinite(t.values.get(metric, math.nan))]
    gains: dict[object, float | None] = {}
    found: dict[int, float] = {}
    for trial in trials:
        if whole(trial) or trial.state not in (TrialState.PRUNED, TrialState.PAUSED):
            continue
        reached, value, least = _reached(trial)
        if value is None:
            continue
        if reached not in gains:
            seen = [t.values[metric] - v for t in seen_whole if (v := _at(t, reached)) is not None]
            gains[reached] = median(seen) if len(seen) >= least else None
        gain = gains[reached]
        if gain is not None:
            found[trial.number] = value + gain
        elif trial.state is TrialState.PAUSED:
            found[trial.number] = value
    return found


Reached = frozenset[int] | int
"""The folds that a trial has finished, or the last rung that it came to."""


def _reached(trial: TrialLine) -> tuple[Reached, float | None, int]:
    """How far a trial came, its value there (None where that is not known), and how many whole trials must tell."""
    if trial.folds:
        folds = frozenset(trial.folds)
        return folds, _at(trial, folds), 1
    rung = max(trial.rungs, default=-1)
    return rung, trial.rungs.get(rung), LEAST_FINISHED


def _at(trial: TrialLine, reached: Reached) -> float | None:
    """A trial's value at a rung, or over some folds; None where it was not seen there."""
    if isinstance(reached, int):
        return trial.rungs.get(reached)
    if not reached <= trial.folds.keys():
        return None
    value = sum(trial.folds[fold] for fold in reached) / len(reached)
    return value if math.isfinite(value) else None


def _best(objectives: Sequence[ObjectiveLine], data: Sequence[Sample]) -> Sample | None:
    data = [s for s in data if all(o.holds(v) for o, v in zip(objectives, s.values, strict=True))]
    if not data:
        return None
    sign = objectives[0].sign
    return min(data, key=lambda s: (sign * s.values[0], s.number))


def _bounded(objectives: Sequence[ObjectiveLine], data: list[Sample], most: int) -> list[Sample]:
    data.sort(key=lambda s: s.number)
    scores = [[o.sign * v for o, v in zip(objectives, s.values, strict=True)] for s in data]
    several = sum(o.bound is None for o in objectives) > 1
    most, mix = (min(most, MOST_DATA_SEVERAL), SEVERAL) if several else (most, MODEL)
    return [data[i] for i in bounded([s.number for s in data], scores, most, mix)]


def _tamed(objectives: Sequence[ObjectiveLine], data: list[Sample]) -> tuple[Sample, ...]:
    limits = []
    for k, objective in enumerate(objectives):
        sign = objective.sign
        values = sorted(sign * s.values[k] for s in data)
        best, middle = (values[0], values[len(values) // 2]) if values else (0.0, 0.0)
        limit = middle + TAME * (middle - best)
        # A constraint's values stay: tamed, a broken one could look as if it were kept.
        tame = objective.bound is None and middle > best and math.isfinite(limit)
        limits.append((sign, limit if tame else math.inf))
    return tuple(
        Sample(
            s.number,
            s.point,
            tuple(sign * min(sign * v, limit) for v, (sign, limit) in zip(s.values, limits, strict=True)),
        )
        for s in data
    )
