"""How a study chooses its points, and when it stops a trial early."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tuned.core.space import Point

SearchMethod = Literal["auto", "grid", "random", "sobol", "bayesian", "evolution"]


@dataclass(frozen=True, slots=True)
class SearchPhase:
    """One `[[search.phase]]`: its method for so many trials; None: for all that are left.

    `levels` is for a grid; `refine`: before it begins, the space is narrowed and widened by the results so far.
    """

    method: SearchMethod = "auto"
    trials: int | None = None
    levels: int = 5
    refine: bool = False


@dataclass(frozen=True, slots=True)
class SearchSpec:
    """How points are chosen.

    Attributes:
        method: Of the whole search; not looked at where there are phases.
        trials: Number of started trials (neither lost nor cancelled, nor repetitions of another one's point) after
            which the study is done; None: no limit.
        budget: Seconds of wall time while not paused; None: no limit.
        parallel: Trials at once; None: the machine's slots.
        points: Points of the user's own that run first: (label, values).
        levels: Values of each range in a grid.
        phases: Methods that follow each other.
        sources: Names of earlier studies whose results the model begins with.
    """

    method: SearchMethod = "auto"
    trials: int | None = None
    budget: float | None = None
    parallel: int | None = None
    seed: int = 0
    points: tuple[tuple[str, Point], ...] = ()
    levels: int = 5
    phases: tuple[SearchPhase, ...] = ()
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EarlyStopping:
    """When a trial that does badly is stopped before its end; steps are those that trials report.

    Attributes:
        method: `asha` (the best `1 / reduction_factor` of each rung go on), `median` or `none`.
        min_step: The first rung; each next one is `reduction_factor` times further.
        max_step: The step at which a trial has finished; None: unknown.
        patience: Steps without an improvement by more than `min_delta` after which a trial is stopped; None: never.
        folds: Whether a cross-validated trial is stopped when its folds so far show that it is worse than the best.
        rescue: Share of the trials to be stopped that are let run to their end, to measure how often stopping is wrong.
    """

    method: Literal["asha", "median", "none"] = "asha"
    min_step: float = 1.0
    max_step: float | None = None
    reduction_factor: int = 3
    patience: float | None = None
    min_delta: float = 0.0
    rescue: float = 0.05
    folds: bool = True
