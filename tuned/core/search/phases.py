"""Which way of choosing points is due: the phases of a search, and when a design gives way to a model.

Owns that rule. The daemon makes the points of designs and grids itself and asks the advisor for the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tuned.core.space import SearchSpace
from tuned.core.study import SearchMethod, SearchSpec

Phase = Literal["design", "model"]
Way = Literal["grid", "random", "sobol", "bayesian", "evolution"]

_LEAST, _MOST = 5, 20
EVOLUTION_AFTER = 3000
"""Trials with a value beyond which `auto` breeds instead of modelling: a model sees 300 of them at most anyway."""
WITH_PRIOR = 2
"""Points of the design where an earlier study's results are given."""
PARTS = 3
"""A design takes one part in so many of all trials, or of the time there is, at most."""
BREEDERS = 10
"""Results that evolution begins with, at least."""


@dataclass(frozen=True, slots=True)
class Due:
    """The next phase.

    Attributes:
        way: How the next point is chosen.
        why: In one line.
        phase: Which `[[search.phase]]`, from 0; 0 without any.
        levels: Of a grid.
        begun: Trials that earlier phases had.
        refine: Whether the space is refined before this phase.
    """

    way: Way
    why: str
    phase: int = 0
    levels: int = 5
    begun: int = 0
    refine: bool = False

    @property
    def by_design(self) -> bool:
        """Whether the point needs no results, and so no advisor."""
        return self.way in ("grid", "random", "sobol")


def due(space: SearchSpace, search: SearchSpec, finished_with_value: int, created: int, spent: float = 0.0) -> Due:
    """How the next point is chosen.

    Args:
        space: The study's.
        search: The study's.
        finished_with_value: Ended trials that have a value of every objective.
        created: Trials that exist, whatever became of them.
        spent: Share of the time that is over, where time alone limits the search; else 0.
    """
    method, levels, begun, index = search.method, search.levels, 0, 0
    for index, phase_ in enumerate(search.phases):
        method, levels = phase_.method, phase_.levels
        last = index == len(search.phases) - 1
        if last or phase_.trials is None or created < begun + phase_.trials:
            break
        begun += phase_.trials
    way, why = _way(space, method, finished_with_value, created, search, spent)
    if search.phases:
        why = f"phase {index + 1} of {len(search.phases)}: {why}"
    refine = bool(search.phases) and search.phases[index].refine
    return Due(way, why, index, levels, begun, refine)


def _way(
    space: SearchSpace, method: SearchMethod, finished: int, created: int, search: SearchSpec, spent: float
) -> tuple[Way, str]:
    trials, prior = search.trials, bool(search.sources)
    if method in ("grid", "random", "sobol"):
        return method, "as the study file says"
    if not space.tunable:
        return "sobol", "there is nothing to vary"
    if method == "evolution":
        if finished < BREEDERS:
            return "sobol", f"evolution begins with {BREEDERS} results"
        return "evolution", f"from {finished} results"
    if phase(space, method, finished, created, trials, prior, spent) == "design":
        size = space.size()
        if method == "auto" and trials is not None and size is not None and size <= trials:
            return "sobol", f"the trials can try all {size} points"
        return "sobol", f"a model begins after {_begins(space, search)}"
    if method == "auto" and finished >= EVOLUTION_AFTER:
        return "evolution", f"{finished} results are more than a model can use"
    if prior:
        return "bayesian", f"a model that begins with the results of {', '.join(search.sources)}"
    return "bayesian", f"a model of the results, after {_begins(space, search)}"


def _begins(space: SearchSpace, search: SearchSpec) -> str:
    points = WITH_PRIOR if search.sources else initial_points(space, search.trials)
    time_alone = search.budget is not None and search.trials is None
    return f"{points} quasi-random points" + (" or a third of the budget" if time_alone else "")


def asks_advisor(search: SearchSpec) -> bool:
    """Whether some of the points will depend on results."""
    methods = {phase_.method for phase_ in search.phases} or {search.method}
    return bool(methods - {"grid", "random", "sobol"})


def initial_points(space: SearchSpace, trials: int | None) -> int:
    """How many points a design has before a model is asked.

    One for each number and one for each value of a choice, between 5 and 20, but no more than a third of all trials
    (and at least 2).

    Args:
        space: The study's.
        trials: Trials that the study shall have; None when only time limits it.
    """
    unknowns = sum(1 if p.kind in ("float", "int") else len(p.values) for p in space.tunable)
    wanted = min(max(_LEAST, unknowns), _MOST)
    return wanted if trials is None else max(2, min(wanted, trials // PARTS))


def phase(
    space: SearchSpace,
    method: SearchMethod,
    finished_with_value: int,
    created: int,
    trials: int | None = None,
    prior: bool = False,
    spent: float = 0.0,
) -> Phase:
    """Whether the next point of `auto` or `bayesian` comes from the design or from a model.

    The model is asked once the design's points have been made and half of them have ended: with many slots nobody
    waits for the slowest, with one slot both come to the same. Where a third of the time is over before, it is asked
    then: a budget may not allow for more points than a design has.

    Args:
        space: The study's.
        method: `sobol` and `random` never use a model. `auto` uses none where the trials can try every point anyway.
        finished_with_value: Ended trials that have a value of every objective.
        created: Trials that exist, whatever became of them.
        trials: Trials that the study shall have; None when only time limits it.
        prior: Whether an earlier study's results are given.
        spent: Share of the time that is over, where time alone limits the search; else 0.
    """
    if method in ("sobol", "random", "grid") or not space.tunable:
        return "design"
    if method == "auto" and trials is not None:
        size = space.size()
        if size is not None and size <= trials:
            return "design"
    least = 1 if prior else 2
    if spent >= 1 / PARTS and finished_with_value >= least:
        return "model"
    wanted = WITH_PRIOR if prior else initial_points(space, trials)
    if created < wanted or finished_with_value < max(least, (wanted + 1) // 2):
        return "design"
    return "model"
