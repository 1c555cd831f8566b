"""A model of results over the space, for what raw means cannot say: one parameter's effect with the others held alike.

Owns the encoding and the model: a Gaussian process on the ranks of the results, so that one diverged trial weighs no
more than the last place. Back in the metric's units, a marginal reads as the typical result.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import norm, rankdata
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from tuned.analyses.study_data import Floats, positions
from tuned.core.space import Parameter, Point, SearchSpace, Value, same_value

LEAST_TRIALS = 8
MOST_TRIALS = 120
"""A fit's cost grows with the cube; of more trials evenly many are taken over the ranks."""


@dataclass(frozen=True, slots=True)
class Marginal:
    """The typical result at a value, and the interval that holds it with 95 %, in the metric's units."""

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
        if len(order) > MOST_TRIALS:
            order = order[np.linspace(0, len(order) - 1, MOST_TRIALS).astype(int)]
        self._order = order
        self._space = space
        self._points = [points[i] for i in order]
        self._sorted = np.sort(results[order])
        ranks = rankdata(results[order])
        self._scores: Floats = norm.ppf((ranks - 0.5) / len(ranks))
        self._rows = self._encode(self._points)
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
        found[self._order] = self._left_out()
        return found

    def _left_out(self) -> Floats:
        inverse = np.linalg.inv(self._model.kernel_(self._rows))
        errors: Floats = inverse @ self._scores / np.diag(inverse)
        return errors

    def marginal(self, parameter: Parameter, value: Value) -> Marginal:
        """The typical result at one value, over all other parameters as they were tried.

        Conditional parameters that do not fit the value stay as they are: their effect is averaged with the rest.
        """
        mean, error = self._mean_at(parameter, value)
        low, middle, high = (self._in_units(score) for score in (mean - 1.96 * error, mean, mean + 1.96 * error))
        return Marginal(middle, low, high)

    def main_effect(self, parameter: Parameter, values: Sequence[Value]) -> float:
        """Variance of the marginal over these values, as a share of that of the ranks; 0.0 to 1.0."""
        means = [self._mean_at(parameter, value)[0] for value in values]
        return min(1.0, float(np.var(means)) / float(np.var(self._scores))) if means else 0.0

    def _mean_at(self, parameter: Parameter, value: Value) -> tuple[float, float]:
        rows = self._encode([{**point, parameter.name: value} for point in self._points])
        mean, covariance = self._model.predict(rows, return_cov=True)
        # The prediction's own noise is not part of what is uncertain about a mean.
        noise = self._model.kernel_.k2.noise_level
        variance = max(0.0, float(np.mean(covariance)) - noise / len(rows))
        return float(np.mean(mean)), float(np.sqrt(variance))

    def _in_units(self, score: float) -> float:
        place: float = norm.cdf(score) * len(self._sorted) - 0.5
        return float(np.interp(place, np.arange(len(self._sorted)), self._sorted))

    def _encode(self, points: Sequence[Point]) -> Floats:
        columns: list[Floats] = []
        for parameter in self._space.tunable:
            active = np.array([parameter.name in point for point in points])
            if parameter.when:
                columns.append(active.astype(float))
            if parameter.kind in ("float", "int") or parameter.ordered:
                filler = parameter.low if parameter.kind in ("float", "int") else parameter.values[0]
                assert filler is not None
                places = positions(parameter, [point.get(parameter.name, filler) for point in points])
                columns.append(np.where(active, places, 0.5))
                continue
            columns += [
                np.array([float(parameter.name in p and same_value(p[parameter.name], v)) for p in points])
                for v in parameter.values
            ]
        return np.column_stack(columns) if columns else np.zeros((len(points), 1))
