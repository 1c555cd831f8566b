"""Studies made of a recipe: points of a search, training curves with noise, failures, early stopping.

Owns the law that curves follow. A net's badness falls from 1 (a constant predictor) towards the point's own level,
exponentially; reports carry noise, runs a shift by their seed; what a fault does is added by its recipe.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchmarks.judgement.scales import CROSS_ENTROPY, Floats, Scale
from tuned.analyses.models.surrogate import point_at
from tuned.analyses.study_data import Curve, StudyData, TrialData
from tuned.core.search.design import design_point
from tuned.core.search.rescue import drawn_for_rescue
from tuned.core.space import Parameter, Point, SearchSpace, Value
from tuned.core.space.unit import place
from tuned.core.study import EarlyStopping, Objective, RunSpec, SearchSpec, StudySpec
from tuned.core.study_file.space_file import parse_space

RANDOM_FIRST = 0.3
"""Share of an adaptive search that is quasi-random before results are followed."""
REACH = 0.12
"""Of each range: the deviation of a suggestion from the best point so far."""

Search = Literal["sobol", "random", "adaptive", "grid"]
Shape = Callable[[Point, Floats, np.random.Generator], Floats]
"""(point, share of training done, chance) -> what is added to the badness."""
Fault = Callable[[Point, np.random.Generator], str]


@dataclass(frozen=True)
class Recipe:
    """How a study is made.

    Attributes:
        space: As a study file has it.
        level: Badness that a point trains to, 0 to 1.
        settle: Share of training after which a curve has come nineteen twentieths of its way.
        noise: Deviation of a report's badness; with `calms` it falls to a tenth over training, as under a decayed rate.
        seeds: Deviation of a run's level by its seed alone.
        gap: How much less bad the net is on its training data at the end.
        shape, train_shape: Added to the curves.
        fails: The failure that a point meets; empty: none.
        twin: Whether the training metric is reported.
        repeats: Each point is run so many times.
        started: Badness at step 0.
        length: The parameter that says how many reports a trial makes, in place of `reports`.
        card: What a trial did with its card; None: it had none.
    """

    space: Mapping[str, Any]
    level: Callable[[Point], float]
    scale: Scale = CROSS_ENTROPY
    search: Search = "sobol"
    trials: int = 30
    reports: int = 30
    settle: float = 0.6
    noise: float = 0.006
    calms: bool = True
    seeds: float = 0.006
    gap: float = 0.03
    shape: Shape | None = None
    train_shape: Shape | None = None
    fails: Fault | None = None
    twin: bool = True
    repeats: int = 1
    started: float = 1.0
    length: str = ""
    stopping: EarlyStopping | None = None
    metrics: Callable[[Point, np.random.Generator], Mapping[str, float]] | None = None
    watched: Callable[[Point, np.random.Generator], Mapping[str, Any]] | None = None
    files: Callable[[str, int, np.random.Generator], None] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    card: Callable[[np.random.Generator], Mapping[str, float]] | None = None


def position(parameter: Parameter, value: Value) -> float:
    """Where a value lies between its parameter's ends; words in the order of their list."""
    found = place(parameter, value)
    return parameter.values.index(value) / max(1, len(parameter.values) - 1) if found is None else found


def made(recipe: Recipe, seed: int, folder: str = "") -> StudyData:
    """The study of a recipe; `folder` is where trials leave files, for recipes in which they do."""
    rng = np.random.default_rng([seed, 77])
    space = parse_space(dict(recipe.space))
    spec = StudySpec(
        "made",
        RunSpec("command", command=("train",)),
        SearchSpec("sobol", trials=recipe.trials, seed=seed),
        space,
        (Objective(recipe.scale.name, recipe.scale.direction, train=recipe.scale.train),),
        early_stopping=recipe.stopping,
    )
    trials: list[TrialData] = []
    while len(trials) < recipe.trials:
        point, origin = _next(recipe, space, seed, trials, rng)
        for _ in range(recipe.repeats):
            trials.append(_trial(recipe, point, origin, len(trials) + 1, folder, rng))
    trials = trials[: recipe.trials]
    return StudyData("made", spec, tuple(_stopped(recipe, trials, seed) if recipe.stopping else trials))


def _next(
    recipe: Recipe, space: SearchSpace, seed: int, trials: Sequence[TrialData], rng: np.random.Generator
) -> tuple[Point, str]:
    index = len(trials) // recipe.repeats
    if recipe.search == "adaptive" and len(trials) >= RANDOM_FIRST * recipe.trials:
        return _suggested(recipe, space, trials, rng), "bayesian"
    method = "random" if recipe.search == "random" else "sobol"
    return design_point(space, seed, index, method), method


def _suggested(recipe: Recipe, space: SearchSpace, trials: Sequence[TrialData], rng: np.random.Generator) -> Point:
    """Near one of the best three points so far, each coordinate moved or drawn anew; ends are ends."""
    sign = 1.0 if recipe.scale.direction == "minimize" else -1.0
    known = [t for t in trials if np.isfinite(t.values.get(recipe.scale.name, np.nan))]
    if not known:
        return design_point(space, 0, len(trials), "random")
    known.sort(key=lambda t: sign * t.values[recipe.scale.name])
    parent = known[int(rng.integers(min(3, len(known))))]
    units = []
    for p in space.tunable:
        at = position(p, parent.params[p.name]) if p.name in parent.params else 0.5
        if p.kind in ("choice", "bool"):
            at = at * (len(p.values) - 1) / len(p.values) + 0.5 / len(p.values)
            units.append(float(rng.random()) if rng.random() < 0.2 else at)
        else:
            units.append(float(np.clip(at + rng.normal(0, REACH), 0, 1)))
    return point_at(space, units)


def _trial(recipe: Recipe, point: Point, origin: str, number: int, folder: str, rng: np.random.Generator) -> TrialData:
    scale, n = recipe.scale, int(point.get(recipe.length, recipe.reports))
    share = np.arange(1, n + 1) / n
    level = float(recipe.level(point)) + rng.normal(0, recipe.seeds)
    falls = np.exp(-3 * share / recipe.settle)
    quiet = (1 - 0.9 * share) if recipe.calms else np.ones(n)
    run_dir = str(Path(folder) / str(number)) if folder else ""
    curves: dict[str, Curve] = {}
    raw = level + (recipe.started - level) * falls
    badness = raw + recipe.noise * quiet * rng.normal(size=n)
    trained = raw - recipe.gap * (1 - falls) + recipe.noise * quiet * rng.normal(size=n) / 2
    if recipe.shape:
        badness = badness + recipe.shape(point, share, rng)
    if recipe.train_shape:
        trained = trained + recipe.train_shape(point, share, rng)
    failure = recipe.fails(point, rng) if recipe.fails else ""
    steps = np.arange(1, n + 1, dtype=float)
    values = scale.values(badness)
    if failure:
        kept = max(1, n // 5)
        steps, values, trained = steps[:kept], values[:kept], trained[:kept]
        if failure == "nan":
            values = np.append(values[:-1], np.nan)
    curves[scale.name] = Curve(steps, values, steps.copy(), len(steps))
    if recipe.twin:
        curves[scale.train] = Curve(steps, scale.values(trained), steps.copy(), len(steps))
    if recipe.metrics:
        for name, value in recipe.metrics(point, rng).items():
            curves[name] = Curve(np.zeros(1), np.array([value]), np.zeros(1), 1)
    if folder:
        Path(run_dir).mkdir(parents=True, exist_ok=True)
        if recipe.files:
            recipe.files(run_dir, number, rng)
    best = values[np.isfinite(values)]
    result = {} if failure or not len(best) else {scale.name: _best(scale, best)}
    card = recipe.card(rng) if recipe.card else {}
    return TrialData(
        number, point, "failed" if failure else "completed", result, failure, origin=origin, seed=number,
        last_step=float(steps[-1]), started_at=0.0, ended_at=float(len(steps)), seconds=float(len(steps)),
        run_dir=run_dir, curves=curves, card=card, **recipe.extra,
    )  # fmt: skip


def _best(scale: Scale, values: Floats) -> float:
    return float(values.min() if scale.direction == "minimize" else values.max())


def _stopped(recipe: Recipe, trials: list[TrialData], seed: int) -> list[TrialData]:
    """Asynchronous successive halving, or the median rule, over the curves as they would have come in."""
    rule, scale = recipe.stopping, recipe.scale
    assert rule is not None
    sign = 1.0 if scale.direction == "minimize" else -1.0
    rungs: dict[int, list[float]] = {}
    found: list[TrialData] = []
    for trial in trials:
        curve = trial.curve(scale.name)
        best = np.minimum.accumulate(sign * np.nan_to_num(curve.values, nan=np.inf))
        growth = 1.5 if rule.method == "median" else rule.reduction_factor
        step, kept = rule.min_step, trial
        while step < len(best) and trial.state == "completed":
            peers = rungs.setdefault(int(step), [])
            mine = float(best[int(step) - 1])
            passing = len(peers) // 2 if rule.method == "median" else (len(peers) + 1) // rule.reduction_factor
            enough = len(peers) >= (5 if rule.method == "median" else rule.reduction_factor - 1)
            below = sorted([*peers, mine]).index(mine)
            peers.append(mine)
            if enough and below >= max(1, passing):
                kept = _cut(trial, scale, int(step), sign, rescue=drawn_for_rescue(rule, seed, trial.number))
                break
            step *= growth
        found.append(kept)
    return found


def _cut(trial: TrialData, scale: Scale, step: int, sign: float, *, rescue: bool) -> TrialData:
    if rescue:
        return replace(trial, rescued=True)
    curves = {
        name: Curve(c.steps[:step], c.values[:step], c.times[:step], min(step, c.reports))
        for name, c in trial.curves.items()
    }
    value = sign * float(np.min(sign * curves[scale.name].values))
    return replace(trial, state="pruned", values={scale.name: value}, curves=curves, last_step=float(step))
