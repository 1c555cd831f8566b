"""A Gaussian process over a study's results: what a point would probably give.

Owns the fit and the cross-validation by leaving one out. It is a model for looking at a study;
the search fits its own. A function of the trials alone: no clock, no chance.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import cho_solve, cholesky
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Kernel, Matern, WhiteKernel

from tuned.analyses.intervals import deviation
from tuned.analyses.models.encoding import encoded
from tuned.analyses.models.sampled import Functions
from tuned.analyses.robust import limit_of
from tuned.analyses.study_data import Floats, StudyData, TrialData
from tuned.core import words
from tuned.core.errors import InvalidInput
from tuned.core.search.bound import bounded
from tuned.core.space import Point, SearchSpace
from tuned.core.space.unit import value_at
from tuned.core.states import STUDY_ENDED

LEAST = 8
"""Results without which nothing is modelled."""
MOST = 300
"""Results that are modelled, as of the search's own model; which: `tuned.core.search.bound`."""
JITTER = 1e-8
"""Keeps the matrix of two trials at one point invertible."""


@dataclass(frozen=True, eq=False)
class Surrogate:
    """A fitted model of one metric.

    Attributes:
        trials: Those that it was fitted to, by number.
        x: Their features, one row a trial; `y`: what they gave, scaled to mean 0 and deviation 1, less is better.
        shift, scale: `y * scale + shift` is the metric, times `sign`.
        of: Finished trials that there were.
    """

    space: SearchSpace
    metric: str
    sign: float
    trials: tuple[TrialData, ...]
    x: Floats
    y: Floats
    shift: float
    scale: float
    kernel: Kernel
    of: int

    @property
    def told(self) -> str:
        """Which trials it is made of, in words."""
        count = len(self.trials)
        if count == self.of:
            return f"{count} finished trials"
        return f"{count} of {self.of} finished trials (the best, the latest, and some of all ranks)"

    def predict(self, points: Sequence[Point]) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the metric at points, noise left out."""
        # Over kernels that are drawn: one that is taken to be right is over-sure.
        mean, deviation = self.functions.moments(encoded(self.space, points))
        return self.sign * (mean * self.scale + self.shift), deviation * self.scale

    def predict_rows(self, rows: Floats) -> tuple[Floats, Floats]:
        """The same on the model's own scale for rows of features."""
        factor = cholesky(self.kernel(self.x) + JITTER * np.eye(len(self.x)), lower=True)
        across = self._signal(rows, self.x)
        mean = across @ cho_solve((factor, True), self.y)
        spread = cho_solve((factor, True), across.T)
        variance = self._signal.diag(rows) - np.einsum("ij,ji->i", across, spread)
        return mean, np.sqrt(np.maximum(variance, 0.0))

    @cached_property
    def functions(self) -> Functions:
        """Functions behind the results, on the model's own scale: kernels are drawn, not fixed."""
        return Functions(self.x, self.y)

    @property
    def seen(self) -> Floats:
        """Results of the trials, as far as the model was told: a wild result is as bad as `robust` allows."""
        return self.sign * (self.y * self.scale + self.shift)

    @property
    def _signal(self) -> Kernel:
        return self.kernel.k1

    def left_out(self) -> tuple[Floats, Floats]:
        """Each trial's metric and its deviation as the model says without that trial, noise included."""
        inverse = np.linalg.inv(self.kernel(self.x) + JITTER * np.eye(len(self.x)))
        variance = 1.0 / np.diag(inverse)
        mean = self.y - (inverse @ self.y) * variance
        return self.sign * (mean * self.scale + self.shift), np.sqrt(variance) * self.scale


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
    sign = 1.0 if objectives[name].direction == "minimize" else -1.0
    found = [
        (point, t)
        for t in study.searched
        if t.state == "completed"
        and np.isfinite(t.values.get(name, np.nan))
        and (point := study.space.carried(t.params)) is not None
    ]
    if len(found) < LEAST:
        raise InvalidInput(
            f"it has {words.count(len(found), 'finished trial')} in its present space, and a model needs {LEAST}",
            where=study.name,
            hint=f"tunectl set {study.name} search.trials=+{LEAST}" if study.state in STUDY_ENDED else "let it run on",
        )
    count = len(found)
    kept = bounded([t.number for _, t in found], [[sign * t.values[name]] for _, t in found], MOST)
    found = [found[i] for i in kept]
    raw = np.array([sign * t.values[name] for _, t in found])
    if np.ptp(raw / (np.abs(raw).max() or 1.0)) == 0:
        raise InvalidInput(f"all {len(raw)} results are equal: nothing has an effect on {name}", where=study.name)
    tame = np.minimum(raw, limit_of(raw))
    shift, scale = float(tame.mean()), deviation(tame) or 1.0
    x = encoded(study.space, [point for point, _ in found])
    y = (tame - shift) / scale
    return Surrogate(study.space, name, sign, tuple(t for _, t in found), x, y, shift, scale, _kernel(x, y), count)


def _kernel(x: Floats, y: Floats) -> Kernel:
    kernel = ConstantKernel(1.0, (0.05, 20.0)) * Matern(np.ones(x.shape[1]), (0.05, 30.0), nu=2.5)
    process = GaussianProcessRegressor(kernel + WhiteKernel(0.05, (1e-5, 1.0)), n_restarts_optimizer=0, random_state=0)
    with warnings.catch_warnings():
        # A length at its bound says that a parameter does nothing, which is an answer.
        warnings.simplefilter("ignore", ConvergenceWarning)
        fit: GaussianProcessRegressor = process.fit(x, y)
    return fit.kernel_


def point_at(space: SearchSpace, units: Sequence[float]) -> Point:
    """The point at shares of all tunable parameters; those that are inactive there are left out."""
    share = dict(zip((p.name for p in space.tunable), units, strict=True))
    point: Point = {}
    for p in space.parameters:
        if p.is_active(point):
            point[p.name] = p.values[0] if p.kind == "fixed" else value_at(p, share[p.name])
    return point
