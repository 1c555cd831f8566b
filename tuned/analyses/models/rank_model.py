"""A model of results over the space, for what raw means cannot say: one parameter's effect with the others held alike.

Owns the model: a Gaussian process on the ranks of the results, so that one diverged trial weighs no more than the last
place, for shares and for what is left unexplained; and marginals in the metric's units.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.stats import norm, rankdata, t
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from tuned.analyses.intervals import deviation
from tuned.analyses.models.encoding import encoded
from tuned.analyses.models.sampled import Functions
from tuned.analyses.robust import limit_of
from tuned.analyses.study_data import Floats
from tuned.core.search.bound import EVEN, bounded
from tuned.core.space import Parameter, Point, SearchSpace, Value

LEAST_TRIALS = 8
MOST_TRIALS = 120
"""A fit's cost grows with the cube; of more trials evenly many are taken over the ranks."""


@dataclass(frozen=True, slots=True)
class Marginal:
    """The mean result at a value, and the interval that holds it with 95 %; less is better."""

    mean: float
    low: float
    high: float


class RankModel:
    """Results as a function of the point.

    Args:
        points: Those tried.
        results: One for each, smaller is better, finite.
    """

    def __init__(self, space: SearchSpace, points: Sequence[Point], results: Floats) -> None:
        order = np.argsort(results, kind="stable")
        self.of = len(order)
        order = order[bounded(order.tolist(), np.arange(len(order))[:, None].tolist(), MOST_TRIALS, EVEN)]
        self._order = order
        self._space = space
        self._points = [points[i] for i in order]
        self._tamed = np.minimum(results[order], limit_of(results[order]))
        ranks = rankdata(results[order])
        self._scores: Floats = norm.ppf((ranks - 0.5) / len(ranks))
        self._rows = encoded(space, self._points)
        kernel = ConstantKernel(1.0, (0.05, 20.0)) * Matern(
            np.ones(self._rows.shape[1]), (0.15, 30.0), nu=2.5
        ) + WhiteKernel(0.2, (1e-3, 2.0))
        self._model: Any = GaussianProcessRegressor(kernel, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a length scale at its bound: the parameter has no effect
            self._model.fit(self._rows, self._scores)

    @property
    def trials(self) -> int:
        """How many it is made of; `of` is how many there were."""
        return len(self._points)

    @property
    def explained(self) -> float:
        """Share of the variance of the ranks that the model predicts for trials left out, one at a time; may be < 0."""
        return float(1.0 - np.mean(self._left_out() ** 2) / np.var(self._scores))

    @property
    def unexplained(self) -> Floats:
        """(points,), in the order given: each rank's score minus its prediction without that trial; less is better.

        Of more than `MOST_TRIALS` the others are as the model predicts.
        """
        found = np.zeros(self.of)
        # Equal results differ by rounding alone, of which a rank test makes a trend.
        found[self._order] = np.round(self._left_out(), 9)
        return found

    def _left_out(self) -> Floats:
        inverse = np.linalg.inv(self._model.kernel_(self._rows))
        errors: Floats = inverse @ self._scores / np.diag(inverse)
        return errors

    def marginal(self, parameter: Parameter, value: Value) -> Marginal:
        """The mean result over the points tried, each with one value put in, the others of its values as they were.

        Of functions drawn from what may lie behind the results (`Functions`), wild ones tamed: their mean, and the
        interval that holds 95 % of them. Conditional parameters that do not fit the value stay as they are: their
        effect is averaged with the rest.
        """
        rows = encoded(self._space, [{**point, parameter.name: value} for point in self._points])
        means = self._functions.at(rows).mean(axis=1) * self._scale + self._shift
        # Of few draws: the spread is known by them alone, and so is the middle.
        wide = float(t.ppf(0.975, len(means) - 1)) * float(np.sqrt(1 + 1 / len(means)))
        middle, reach = float(means.mean()), wide * deviation(means, 1)
        return Marginal(middle, middle - reach, middle + reach)

    def main_effect(self, parameter: Parameter, values: Sequence[Value]) -> float:
        """Variance of the marginal over these values, as a share of that of the ranks; 0.0 to 1.0."""
        means = [self._mean_at(parameter, value) for value in values]
        return min(1.0, float(np.var(means)) / float(np.var(self._scores))) if means else 0.0

    def _mean_at(self, parameter: Parameter, value: Value) -> float:
        rows = encoded(self._space, [{**point, parameter.name: value} for point in self._points])
        return float(np.mean(self._model.predict(rows)))

    @cached_property
    def _functions(self) -> Functions:
        return Functions(self._rows, (self._tamed - self._shift) / self._scale)

    @property
    def _shift(self) -> float:
        return float(self._tamed.mean())

    @property
    def _scale(self) -> float:
        return deviation(self._tamed) or 1.0
