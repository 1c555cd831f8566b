"""How a study chooses its points, and when it stops a trial early."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tuned.core.errors import InvalidInput, NotYet
from tuned.core.playbook.steps import Playbook, StepState
from tuned.core.space import Point
from tuned.core.study.goals import Objective

SearchMethod = Literal["auto", "grid", "random", "sobol", "bayesian", "evolution"]
StoppingMethod = Literal["asha", "median", "i-epoch", "none"]


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
        lag: With one trial at a time: how many of the latest trials a suggestion is made without. 0: a slot waits for
            each; 1: the next point is chosen while a trial runs. None: settled when the model begins, and stored.
    """

    method: SearchMethod = "auto"
    trials: int | None = None
    budget: float | None = None
    parallel: int | None = None
    seed: int = 0
    points: tuple[tuple[str, Point], ...] = ()
    levels: int = SearchPhase().levels
    phases: tuple[SearchPhase, ...] = ()
    sources: tuple[str, ...] = ()
    lag: int | None = None

    @property
    def given(self) -> int:
        """How many trials come before the search's own points: the user's, and the best one of earlier studies."""
        return len(self.points) + bool(self.sources)


@dataclass(frozen=True, slots=True)
class EarlyStopping:
    """When a trial that does badly is stopped before its end; steps are those that trials report.

    Attributes:
        method: `asha` (the best `1 / reduction_factor` of each rung go on), `median`, `i-epoch` (the `keep` best of the
            one rung at `min_step` go on) or `none`.
        min_step: The first rung; each next one is `reduction_factor` times further.
        max_step: The step at which a trial has finished; None: unknown.
        patience: Steps without an improvement by more than `min_delta` after which a trial is stopped; None: never.
        keep: Of `i-epoch`: how many trials go on from `min_step`.
        folds: Whether a cross-validated trial is stopped when its folds so far show that it is worse than the best.
        rescue: Share of the trials to be stopped that are let run to their end, to measure how often stopping is wrong;
            early trials are drawn more often (`tuned.core.search.rescue`).
    """

    method: StoppingMethod = "asha"
    min_step: float = 1.0
    max_step: float | None = None
    reduction_factor: int = 3
    patience: float | None = None
    min_delta: float = 0.0
    rescue: float = 0.05
    folds: bool = True
    keep: int = 5

    @property
    def told(self) -> str:
        """The rules that stop trials, in words: `asha`, `patience`, `median and patience`, `none`."""
        return stopping_told(self.method, self.patience)

    def check(self, objectives: Sequence[Objective]) -> None:
        """Refuse a rule that nothing could be judged by.

        Raises:
            NotYet: There are several objectives.
            InvalidInput: There is none, or no step is left to judge at.
        """
        if self.method != "none" or self.patience is not None:
            if not objectives:
                raise InvalidInput("there is no objective to judge by", where="early_stopping", hint="add [objective]")
            if len(objectives) > 1:
                what = "is not offered with several objectives yet"
                raise NotYet(what, where="early_stopping", hint="leave it out")
        if self.max_step is not None and self.max_step <= self.min_step:
            raise InvalidInput(
                f"max_step ({self.max_step:g}) is not beyond min_step ({self.min_step:g})",
                where="early_stopping.max_step",
                hint="it is the step at which a trial has finished",
            )


def stopping_told(method: str, patience: float | None) -> str:
    """The rules that stop trials, in words: patience alone is no lack of one."""
    rules = [method] if patience is None else [*([] if method == "none" else [method]), "patience"]
    return " and ".join(rules)


def search_now(search: SearchSpec, playbook: Playbook | None) -> SearchSpec:
    """The search as the step at work wants it; as the study file has it where no step has a say in it.

    A step of the search asks for its own points alone, and for no more than the whole search has left, in which points
    of the user's own count. Once it is over, its `until` says how many trials there shall be, beside what the study's
    `trials` has grown by since then.
    """
    if playbook is None:
        return search
    step = playbook.current
    if step is not None and step.searches and step.state is StepState.RUNNING:
        limit = step.begun_with + int(step.options.get("trials", 0))
        limit = limit if search.trials is None else min(limit, search.trials)
        return replace(search, method=_method(step.name, search.method), phases=(), trials=limit)
    over = [s.result for s in playbook.steps if "until" in s.result]
    coming = step is not None and step.searches
    if not over:
        return replace(search, phases=(), trials=0) if coming else search
    latest = max(over, key=lambda result: int(result["until"]))
    grown = 0 if coming or search.trials is None else max(0, search.trials - int(latest.get("of") or search.trials))
    return replace(search, trials=int(latest["until"]) + grown)


def _method(step: str, method: SearchMethod) -> SearchMethod:
    if step == "coarse":
        return method if method in ("grid", "random") else "sobol"
    return "evolution" if method == "evolution" else "bayesian"
