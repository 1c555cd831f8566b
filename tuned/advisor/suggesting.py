"""Answers to requests: what the advisor knows of each study, and how a suggestion is made and explained.

Owns the choice between model, design point and "exhausted". It does no I/O; Ax is imported when it is first needed.
"""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass, field, replace
from operator import sub
from typing import TYPE_CHECKING, Any

from tuned.advisor.encoding import columns_of, places
from tuned.advisor.history import Evidence, weigh
from tuned.advisor.lessons import Lesson, lessons_of
from tuned.advisor.messages import DefineStudy, Forget, Ping, Request, Suggest, Suggestion, TrialLine, UpdateTrials
from tuned.advisor.prior import prior_of
from tuned.core import words
from tuned.core.errors import InvalidInput, NotFound
from tuned.core.queue.schedule import EXHAUSTED
from tuned.core.search.design import Method, design_point, every_point, fresh_point
from tuned.core.search.model_share import CONVERGED
from tuned.core.space import Point, SearchSpace, Value, canonical_key
from tuned.core.space.unit import place, value_at
from tuned.core.states import UNCOUNTED, TrialState

if TYPE_CHECKING:
    from tuned.advisor.ax_backend import Model, Modelled

log = logging.getLogger(__name__)

LEAST_DATA = 2
TRIES = 5
"""How often the model is asked again after a point that has been used."""
SAME = 1e-7
"""Of every range: points that are less apart are one. Under conditions a search ends beside a corner, not in it."""
MOST_SPREAD = 500
"""Points that are compared where the model cannot be told of a condition between parameters."""
MOST_COMPARED = 2000
"""Points of a small space that are compared one by one once the model's favourite has been used."""


@dataclass(slots=True)
class _Known:
    definition: DefineStudy
    trials: dict[int, TrialLine] = field(default_factory=dict)


class Advisor:
    """All studies of one process. It is a cache: the daemon tells everything again after a restart."""

    def __init__(self) -> None:
        self._studies: dict[int, _Known] = {}
        self._ready = False

    def answer(self, request: Request) -> dict[str, Any]:
        """The fields of the answer.

        Raises:
            NotFound: The study has not been defined.
        """
        match request:
            case DefineStudy(study):
                self._studies[study] = _Known(request)
                return {"ok": True}
            case UpdateTrials(study, rows):
                known = self._known(study)
                known.trials.update((row.number, row) for row in rows)
                return {"ok": True, "trials": len(known.trials)}
            case Suggest(study):
                return self._suggest(self._known(study), request)
            case Forget(study):
                self._studies.pop(study, None)
                return {"ok": True}
            case Ping():
                self._prepare()
                return {"ok": True}

    def _known(self, study: int) -> _Known:
        if study not in self._studies:
            raise NotFound(f"study {study} has not been defined", hint='send "study" first')
        return self._studies[study]

    def _prepare(self) -> None:
        if not self._ready:
            from tuned.advisor import ax_backend

            ax_backend.prepare()
            self._ready = True

    def _suggest(self, known: _Known, asked: Suggest) -> dict[str, Any]:
        began = time.process_time()
        definition = replace(known.definition, method=asked.method) if asked.method else known.definition
        earlier = [
            trial if asked.cut is None or trial.number <= asked.cut else _still_out(trial)
            for trial in known.trials.values()
            if trial.number != asked.number
        ]
        evidence = weigh(definition.space, definition.objectives, earlier)
        if definition.prior:
            prior = prior_of(definition.space, definition.objectives, definition.prior, evidence.data)
            evidence = replace(evidence, prior=prior)
        found = self._choose(definition, evidence, asked.number, max(1, asked.count))
        cpu_s = round(time.process_time() - began, 4)
        first, *more = [replace(suggestion, cpu_s=cpu_s) for suggestion in found]
        return {**first.to_answer(), "more": [suggestion.to_answer() for suggestion in more]}

    def _choose(self, definition: DefineStudy, evidence: Evidence, number: int, count: int) -> list[Suggestion]:
        """As many points as are wanted, or as there are; without any, one suggestion that says so."""
        found: list[Suggestion] = []
        models: list[Model] = []
        while len(found) < count:
            suggestion = self._next(definition, evidence, number + len(found), models)
            if suggestion.params is None:
                return found or [suggestion]
            found.append(suggestion)
            evidence = evidence.awaiting(number + len(found) - 1, suggestion.params)
            for model in models:
                model.wait_for(suggestion.params)
        return found

    def _next(self, definition: DefineStudy, evidence: Evidence, number: int, models: list[Model]) -> Suggestion:
        size = definition.space.size()
        if size is not None and len(evidence.taken) >= size:
            return Suggestion(None, why=f"all {size} points of the space have been tried")
        if definition.method in ("sobol", "random"):
            method: Method = "random" if definition.method == "random" else "sobol"
            return _design(definition, evidence, number, method, f"point {number} of the {method} design")
        if not definition.space.tunable or not definition.objectives:
            return _design(definition, evidence, number, "sobol", "there is nothing to model")
        prior = zip(*(sample.values for sample in evidence.prior), strict=True)
        given = [sum(math.isfinite(value) for value in values) for values in prior]
        if len(evidence.data) + min(given, default=0) < LEAST_DATA or not evidence.data:
            why = f"a model needs {LEAST_DATA} results and there are {len(evidence.data)}"
            return _design(definition, evidence, number, "sobol", why)
        try:
            if definition.method == "evolution":
                return _evolution(definition, evidence, number)
            self._prepare()
            if not models:
                models.append(_fitted(definition, evidence, number))
            return _model(models[0], definition, evidence, number)
        except Exception as error:
            log.warning("the model of study %d failed", definition.study, exc_info=True)
            what = f"{type(error).__name__}: {error}".splitlines()[0].rstrip(": ")[:160]
            return _design(definition, evidence, number, "sobol", f"the model failed ({what})", "fallback")


def _still_out(trial: TrialLine) -> TrialLine:
    """The trial as it was before it ended; a queued one is out, too, and a cancelled one has never been."""
    if trial.state in UNCOUNTED:
        return trial
    return replace(trial, state=TrialState.RUNNING, values={}, failure=None, rungs={})


def _design(
    definition: DefineStudy, evidence: Evidence, number: int, method: Method, why: str, origin: str | None = None
) -> Suggestion:
    point = fresh_point(definition.space, definition.seed, number - 1, evidence.taken, method)
    if point is None:
        return Suggestion(None, why=EXHAUSTED)
    return Suggestion(point, origin or method, why)


def _evolution(definition: DefineStudy, evidence: Evidence, number: int) -> Suggestion:
    from tuned.advisor.evolution import offspring

    made = offspring(definition.space, definition.objectives, evidence, definition.seed + number)
    if made is None:
        why = "all children of the best points have been tried"
        return _design(definition, evidence, number, "sobol", why, "fallback")
    point, (one, other) = made
    return Suggestion(point, "evolution", f"a child of #{one} and #{other}, from {len(evidence.data)} results")


def _lessons(definition: DefineStudy, evidence: Evidence) -> tuple[Lesson, ...]:
    return lessons_of(definition.space, evidence.measured, evidence.failed, definition.memory_limit)


def _fitted(definition: DefineStudy, evidence: Evidence, number: int) -> Model:
    from tuned.advisor import ax_backend

    lessons = _lessons(definition, evidence)
    return ax_backend.Model(definition.space, definition.objectives, evidence, definition.seed + number, lessons)


def _model(model: Model, definition: DefineStudy, evidence: Evidence, number: int) -> Suggestion:
    for attempt in range(TRIES):
        try:
            modelled = model.choose(definition.seed + number + attempt * 7_919)
        except InvalidInput:
            if evidence.best is not None and len(definition.objectives) == 1:
                modelled = _best_of(model, definition, evidence, _feasible(definition, evidence, number))
                return Suggestion(modelled.point, "bayesian", _why(definition, evidence, modelled), modelled.predicted)
            continue
        if not _tried(definition.space, evidence, modelled.point):
            return Suggestion(modelled.point, "bayesian", _why(definition, evidence, modelled), modelled.predicted)
        size = definition.space.size()
        if size is not None and size <= MOST_COMPARED and len(definition.objectives) == 1:
            modelled = _best_free(model, definition, evidence)
            return Suggestion(modelled.point, "bayesian", _why(definition, evidence, modelled), modelled.predicted)
    why = f"{CONVERGED}, {TRIES} times"
    return _design(definition, evidence, number, "sobol", why, "fallback")


def _tried(space: SearchSpace, evidence: Evidence, point: Point) -> bool:
    """Whether a point has been used, or lies so near to one that no training tells them apart."""
    if canonical_key(point) in evidence.taken:
        return True
    columns = columns_of(space)
    at = places(columns, point)
    known = [sample.point for sample in evidence.data] + [other for _, other in (*evidence.pending, *evidence.avoided)]
    return any(max(map(abs, map(sub, at, places(columns, other))), default=0.0) < SAME for other in known)


def _best_free(model: Model, definition: DefineStudy, evidence: Evidence) -> Modelled:
    """Of all points that are left in a small space, the one of highest expected improvement."""
    free = [point for point in every_point(definition.space) if canonical_key(point) not in evidence.taken]
    return _best_of(model, definition, evidence, free)


def _best_of(model: Model, definition: DefineStudy, evidence: Evidence, points: list[Point]) -> Modelled:
    return max(model.expect(points), key=lambda modelled: _improvement(definition, evidence, modelled))


def _feasible(definition: DefineStudy, evidence: Evidence, number: int) -> list[Point]:
    """Untried points that meet the conditions between parameters: spread over the space, and on lines to the best."""
    assert evidence.best is not None
    space, best = definition.space, evidence.best.point
    spread = [design_point(space, definition.seed + number, i) for i in range(MOST_SPREAD)]
    near = [mixed for point in spread if (mixed := _towards(space, point, best)) is not None]
    return [point for point in spread + near if canonical_key(point) not in evidence.taken]


def _towards(space: SearchSpace, point: Point, best: Point) -> Point | None:
    """A point a tenth of the way from `best` to `point` in its numbers, where that is a point at all."""
    mixed: dict[str, Value] = dict(best)
    for name, value in best.items():
        parameter, other = space[name], point.get(name)
        if parameter.kind not in ("float", "int") or other is None:
            continue
        near, far = place(parameter, value), place(parameter, other)
        assert near is not None and far is not None
        mixed[name] = value_at(parameter, near + (far - near) / 10)
    try:
        return space.check(mixed)
    except InvalidInput:
        return None


def _improvement(definition: DefineStudy, evidence: Evidence, modelled: Modelled) -> float:
    """Expected improvement of the first objective over the best result."""
    objective, best = definition.objectives[0], evidence.best
    assert best is not None
    mean, sem = modelled.predicted[objective.metric]
    gain = objective.sign * (best.values[0] - mean)
    return expected_improvement(gain, sem)


def _why(definition: DefineStudy, evidence: Evidence, modelled: Modelled) -> str:
    """One sentence with the numbers behind a suggestion."""
    size = "model from " + words.count(len(evidence.data), "trial")
    if evidence.prior:
        size += f" and {len(evidence.prior)} of earlier studies"
    if evidence.diverged:
        size += f" ({evidence.diverged} diverged, counted as the worst)"
    if evidence.failed:
        size += "; " + "; ".join(lesson.why for lesson in _lessons(definition, evidence))
    expected = ", ".join(f"{m} {mean:.4g} ± {sem:.2g}" for m, (mean, sem) in modelled.predicted.items())
    best = evidence.best
    if len(definition.objectives) > 1 or best is None:
        return f"expects {expected}; {size}"
    improvement = _improvement(definition, evidence, modelled)
    return (
        f"expects {expected}; expected improvement over #{best.number} ({best.values[0]:.4g}) {improvement:.2g}; {size}"
    )


def expected_improvement(gain: float, sem: float) -> float:
    """The mean of `max(0, x)` for a normal `x` of mean `gain` and standard deviation `sem`."""
    if sem <= 0:
        return max(0.0, gain)
    z = gain / sem
    density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return max(0.0, gain * (1 + math.erf(z / math.sqrt(2))) / 2 + sem * density)
