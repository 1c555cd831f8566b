"""Early stopping: at which steps a trial is judged, against whom, and the ruling.

Owns these rules. They use steps and never time, and one trial's report at a time, so that a ruling does not depend on
the cutting of reports into batches. Pure; `storage.repository.early_stopping` keeps their input in indexed rows, so
that a ruling costs the same after ten trials and after a hundred thousand.

A rung is a step on a ladder (`min_step`, then growing by a factor) at which a trial's summary so far is compared with
that of the others at the same rung. Comparisons use scores: lower is better, whatever the direction.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from tuned.core.search.rescue import drawn_for_rescue
from tuned.core.study import EarlyStopping, Objective, SearchSpec

LEAST_PEERS = 5
"""Finished trials that the median rule needs before it says anything."""
MEDIAN_GROWTH = 1.5
"""From one of the median rule's steps to the next."""
MOST_RUNGS = 200
"""Of a ladder; nobody runs that far."""

Entry = tuple[float, int]
"""Score and trial number: the older of equal ones comes first."""


class Ruling(StrEnum):
    """The decision on a trial at a rung, and its outcome."""

    CONTINUED = "continued"
    PAUSED = "paused"
    """It waits for a promotion."""
    PROMOTED = "promoted"
    """It was paused here and goes on, because later trials have shown that it belongs to the best."""
    FINISHING = "finishing"
    """It was paused here and runs to its end, because nothing that has ended is better."""
    PRUNED = "pruned"
    RESCUED = "rescued"
    """It would have been stopped, and runs to its end to measure how often that is wrong."""


RUNS_FREE = frozenset({Ruling.RESCUED, Ruling.FINISHING})
"""After these a trial is judged at no further rung."""


def score_of(objective: Objective, value: float) -> float:
    """The value as a score; whatever is not finite is worst."""
    if not math.isfinite(value):
        return math.inf
    return objective.sign * value


def counts_at_once(rule: EarlyStopping) -> bool:
    """Whether a trial counts at a rung as soon as it has come there, and not only once it has finished."""
    return rule.method != "median"


def gathers(rule: EarlyStopping, search: SearchSpec) -> bool:
    """Whether trials that can go on later all wait at their rung until no new ones come.

    Under a budget nobody knows when that is, so the best so far go on at once.
    """
    return rule.method == "i-epoch" and search.trials is not None and search.budget is None


def rung_step(rule: EarlyStopping, rung: int) -> float | None:
    """The step of a rung, from 0; None where there is no such rung: at `max_step` a trial is finished."""
    growth = MEDIAN_GROWTH if rule.method == "median" else float(rule.reduction_factor)
    if rule.method == "none" or rung >= (1 if rule.method == "i-epoch" else MOST_RUNGS):
        return None
    step = rule.min_step * growth**rung
    return None if rule.max_step is not None and step >= rule.max_step else step


def next_crossing(rule: EarlyStopping, last_rung: int, steps: Iterable[float]) -> tuple[int, float] | None:
    """The first of these reports that reaches a new rung.

    Args:
        rule: The study's.
        last_rung: The highest rung that the trial has been judged at; -1 before the first.
        steps: Of its reports, in their order.

    Returns:
        The highest rung that the report has reached, and its step. Rungs that one report leaps over are left out: what
        the trial had been worth there is not known.
    """
    for step in steps:
        rung = last_rung
        while (following := rung_step(rule, rung + 1)) is not None and step >= following:
            rung += 1
        if rung > last_rung:
            return rung, step
    return None


def passing(rule: EarlyStopping, peers: int) -> int:
    """How many of so many peers pass a rung."""
    if rule.method == "median":
        return (peers + 1) // 2
    return min(rule.keep, peers) if rule.method == "i-epoch" else peers // rule.reduction_factor


@dataclass(frozen=True, slots=True)
class Standing:
    """The known values of a rung.

    Attributes:
        peers: Trials that count there.
        cutoff: The last entry that passes; None while none does.
    """

    peers: int = 0
    cutoff: Entry | None = None


Shift = Literal["stay", "forward", "back"]


def shift(rule: EarlyStopping, standing: Standing, new: Entry) -> Shift:
    """How the cutoff moves when an entry is added: not, to the entry behind it, or to the one before it.

    It never moves further than one entry, so it need not be searched for.
    """
    more = passing(rule, standing.peers + 1) > passing(rule, standing.peers)
    before = standing.cutoff is not None and new < standing.cutoff
    if before:
        return "stay" if more else "back"
    return "forward" if more else "stay"


def judge(
    rule: EarlyStopping, mine: Entry, standing: Standing, resumable: bool, rescue: bool, gathering: bool = False
) -> Ruling:
    """The decision on a trial that has reached a rung.

    Args:
        rule: The study's; not `none`.
        mine: Its entry.
        standing: The rung's: of the finished trials for `median`, else with this entry in it.
        resumable: Whether it can go on later from where it stops.
        rescue: Whether it was drawn to run to its end whatever is decided.
        gathering: `gathers`, of its study.
    """
    cut = standing.cutoff
    if gathering and resumable:
        return Ruling.PAUSED
    if rule.method == "median":
        # The trial is no peer yet, so equally good is good enough.
        if standing.peers < LEAST_PEERS or (cut is not None and mine[0] <= cut[0]):
            return Ruling.CONTINUED
    elif cut is not None and mine <= cut:
        return Ruling.CONTINUED
    elif resumable:
        return Ruling.PAUSED
    elif rule.method == "asha" and standing.peers < rule.reduction_factor:
        # It could not be taken back later, and too few have come this far to tell.
        return Ruling.CONTINUED
    return Ruling.RESCUED if rescue else Ruling.PRUNED


@dataclass(frozen=True, slots=True)
class Streak:
    """A trial's best score so far, and the step that it was reported at."""

    best: float
    best_step: float


def follow_streak(rule: EarlyStopping, streak: Streak | None, score: float, step: float) -> tuple[Streak, bool]:
    """The streak after a report, and whether the trial's patience has run out.

    Patience is counted in steps since the last one that was better by more than `min_delta`.
    """
    if streak is None or score < streak.best - (0.0 if math.isinf(streak.best) else rule.min_delta):
        return Streak(score, step), False
    return streak, rule.patience is not None and step - streak.best_step >= rule.patience


def streak_of(
    rule: EarlyStopping, objective: Objective, curve: Iterable[tuple[tuple[int, float], float]], step: float
) -> tuple[Streak | None, bool]:
    """The streak of a whole curve, ((attempt, step), value) by step, and whether patience has run out at a step."""
    streak: Streak | None = None
    for (_, at), value in curve:
        streak, _ = follow_streak(rule, streak, score_of(objective, value), at)
    out = streak is not None and rule.patience is not None and step - streak.best_step >= rule.patience
    return streak, out


def explain_patience(rule: EarlyStopping, streak: Streak, objective: Objective) -> str:
    """Why a trial's patience has run out, in one line."""
    best = objective.sign * streak.best
    return f"no better {objective.metric} for {rule.patience:g} steps than {best:.5g} at step {streak.best_step:g}"


@dataclass(frozen=True, slots=True)
class Decision:
    """One verdict with its evidence.

    Attributes:
        rung: From 0; `step` is that of the report which reached it.
        value: The objective's summary then.
        peers: Trials it was compared with (for ASHA itself included), of which the best `passing` pass.
        cutoff: The value of the last one that passes; None while none does.
        at: Unix seconds.
    """

    rung: int
    step: float
    value: float
    peers: int
    passing: int
    cutoff: float | None
    verdict: Ruling
    at: float


def explain(decision: Decision, metric: str) -> str:
    """The verdict in one line."""
    what = f"{metric} {decision.value:.5g} at step {decision.step:g}"
    rest = f"the best {decision.passing} of {decision.peers}"
    if decision.cutoff is not None:
        rest += f" (to {decision.cutoff:.5g})"
    match decision.verdict:
        case Ruling.CONTINUED if decision.cutoff is None or decision.passing == 0:
            return f"{what}: goes on, {decision.peers} have come this far"
        case Ruling.CONTINUED:
            return f"{what}: goes on, among {rest}"
        case Ruling.PAUSED if decision.cutoff is None or decision.passing == 0:
            return f"{what}: paused when {decision.peers} had come this far"
        case Ruling.PAUSED:
            # Of those that all wait for each other it may be one of the best.
            return f"{what}: paused when {rest} passed"
        case Ruling.PROMOTED:
            return f"{what}: was paused, then promoted"
        case Ruling.FINISHING:
            return f"{what}: was paused, then resumed to its end before the study's"
        case Ruling.RESCUED if decision.cutoff is None or decision.passing == 0:
            return f"{what}: was paused, then resumed to its end to measure the rule"
        case Ruling.RESCUED:
            return f"{what}: not among {rest}, runs on to measure the rule"
        case _:
            return f"{what}: not among {rest}"


def to_finish(
    rule: EarlyStopping,
    seed: int,
    waiting: Iterable[tuple[int, int, float]],
    best_ended: float | None,
    cutoff: Entry | None = None,
) -> list[tuple[int, Ruling]]:
    """Which of the trials waiting at a rung shall run to their end before the study is over.

    The best of them, if nothing that has run to its end is better: a study's best shall not be one that was only begun.
    Of `i-epoch` all that are among the best of the one rung. Then those drawn to measure how often stopping is wrong.

    Args:
        rule: The study's.
        seed: The study's.
        waiting: (trial id, number, score).
        best_ended: Best score of the trials that have run to their end; None without any.
        cutoff: Of the first rung.
    """
    ranked = sorted(waiting, key=lambda entry: (entry[2], entry[1]))
    chosen: list[tuple[int, Ruling]] = []
    if rule.method == "i-epoch":
        passing = [entry for entry in ranked if cutoff is not None and (entry[2], entry[1]) <= cutoff]
        chosen += [(trial_id, Ruling.FINISHING) for trial_id, _, _ in passing]
        ranked = ranked[len(passing) :]
    elif ranked and (best_ended is None or ranked[0][2] < best_ended):
        chosen.append((ranked.pop(0)[0], Ruling.FINISHING))
    chosen += [(trial_id, Ruling.RESCUED) for trial_id, number, _ in ranked if drawn_for_rescue(rule, seed, number)]
    return chosen
