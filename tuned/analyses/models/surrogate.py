"""The model of a study's whole trials, for one metric: what `importance`, `fit`, `slice` and `contour` ask.

Owns which trials it is made of, and the refusals where there are too few.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tuned.analyses.models.model import LEAST, Model
from tuned.analyses.study_data import Floats, StudyData, TrialData
from tuned.core import words
from tuned.core.errors import InvalidInput
from tuned.core.ranking import whole
from tuned.core.search.bound import MODEL
from tuned.core.space import Point, SearchSpace
from tuned.core.space.unit import value_at
from tuned.core.states import STUDY_ENDED


@dataclass(frozen=True, eq=False)
class Surrogate:
    """The model of one metric of a study's whole trials: they completed, or had converged.

    Attributes:
        trials: Those that it is made of, by number.
        sign: Factor that makes smaller values of the metric better.
    """

    model: Model
    metric: str
    sign: float
    trials: tuple[TrialData, ...]

    @property
    def space(self) -> SearchSpace:
        """The space that it is a model over."""
        return self.model.space

    @property
    def told(self) -> str:
        """Which trials it is made of, in words."""
        count = len(self.trials)
        if count == self.model.of:
            return f"{count} finished trials"
        return f"{count} of {self.model.of} finished trials (the best, the latest, and some of all ranks)"

    @property
    def seen(self) -> Floats:
        """Results of the trials, as far as the model is told: a wild result is as bad as `robust` allows."""
        return self.sign * self.model.tamed

    def predict(self, points: Sequence[Point]) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the metric at points, noise left out."""
        mean, spread = self.model.predict(points)
        return self.sign * mean, spread

    def left_out(self) -> tuple[Floats, Floats]:
        """Each trial's metric and its deviation as the others say, noise included."""
        mean, spread = self.model.left_out()
        return self.sign * mean, spread


def fitted(study: StudyData, metric: str | None = None) -> Surrogate:
    """The model of a study's objective, or of another metric that it sums trials up by.

    Raises:
        InvalidInput: The study has no such metric, nothing to vary, or too few results.
    """
    objectives = {o.metric: o for o in study.spec.measured}
    name = metric or study.objective.metric
    if name not in objectives:
        raise InvalidInput(f"{name!r} is no objective", where="metric", hint="metrics are " + ", ".join(objectives))
    if not study.space.tunable:
        raise InvalidInput("there is nothing to vary", where=study.name)
    sign = objectives[name].sign
    found = [
        (point, t)
        for t in study.searched
        if whole(t) and np.isfinite(t.values.get(name, np.nan)) and (point := study.space.carried(t.params)) is not None
    ]
    if len(found) < LEAST:
        raise InvalidInput(
            f"it has {words.count(len(found), 'finished trial')} in its present space, and a model needs {LEAST}",
            where=study.name,
            hint=f"tunectl set {study.name} search.trials=+{LEAST}" if study.state in STUDY_ENDED else "let it run on",
        )
    raw = np.array([sign * t.values[name] for _, t in found])
    if np.ptp(raw / (np.abs(raw).max() or 1.0)) == 0:
        raise InvalidInput(f"all {len(raw)} results are equal: nothing has an effect on {name}", where=study.name)
    model = Model(study.space, [point for point, _ in found], raw, MODEL)
    return Surrogate(model, name, sign, tuple(found[i][1] for i in model.kept))


def point_at(space: SearchSpace, units: Sequence[float]) -> Point:
    """The point at shares of all tunable parameters; those that are inactive there are left out."""
    share = dict(zip((p.name for p in space.tunable), units, strict=True))
    point: Point = {}
    for p in space.parameters:
        if p.is_active(point):
            point[p.name] = p.values[0] if p.kind == "fixed" else value_at(p, share[p.name])
    return point
