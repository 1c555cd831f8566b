"""Functions that fit what was seen: draws from Gaussian processes whose kernels are drawn as well.

Owns what the drawn kernels say together: means and deviations, functions, and each result without itself. A function is
one of the prior's, by random Fourier features, conditioned on the data (Matheron's rule; Wilson and others 2020).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular

from tuned.analyses.models.kernels import Kernels, drawn
from tuned.analyses.study_data import Floats

FEATURES = 256


@dataclass(frozen=True, eq=False)
class Functions:
    """Functions that may lie behind results.

    Attributes:
        x: (rows, features), each 0 to 1.
        y: (rows,) results, of mean 0 and deviation 1.
        kernels: Those that may lie behind them; drawn where none are given.
    """

    x: Floats
    y: Floats
    kernels: Kernels | None = None

    def at(self, rows: Floats) -> Floats:
        """(draws, rows): each drawn function at these rows, noise left out."""
        return np.array([draw(rows) for draw in self._drawn])

    def mean(self, rows: Floats) -> Floats:
        """(rows,): the mean of all functions of all drawn kernels."""
        found: Floats = np.mean([one.covariance(rows) @ one.weights for one in self._fitted], axis=0)
        return found

    def moments(self, rows: Floats) -> tuple[Floats, Floats]:
        """Mean and standard deviation at these rows over all functions of all drawn kernels, noise left out."""
        return _together(one.conditioned(rows) for one in self._fitted)

    def left_out(self) -> tuple[Floats, Floats]:
        """Each result's mean and deviation as all others say, noise included."""
        return _together(one.left_out() for one in self._fitted)

    @cached_property
    def _fitted(self) -> list[_Fitted]:
        kernels = drawn(self.x, self.y) if self.kernels is None else self.kernels
        return [_Fitted(self.x, self.y, kernels[i : i + 1]) for i in range(len(kernels))]

    @cached_property
    def _drawn(self) -> list[_Function]:
        rng = np.random.default_rng(1)
        return [_Function(one, rng) for one in self._fitted]


def _together(found: Iterator[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    """Mean and deviation of a mixture of such means and variances."""
    means, variances = (np.array(part) for part in zip(*found, strict=True))
    mean: Floats = means.mean(axis=0)
    return mean, np.sqrt(variances.mean(axis=0) + means.var(axis=0))


class _Fitted:
    """One kernel beside the data."""

    def __init__(self, x: Floats, y: Floats, kernel: Kernels) -> None:
        self.x, self.y, self.kernel = x, y, kernel
        self.factor: Floats = cholesky(kernel.seen(x)[0], lower=True, check_finite=False)
        self.weights = self.solved(y)

    def solved(self, y: Floats) -> Floats:
        """Weights that carry these results."""
        found: Floats = cho_solve((self.factor, True), y, check_finite=False)
        return found

    def covariance(self, rows: Floats) -> Floats:
        """(rows, data)."""
        found: Floats = self.kernel.covariance(rows, self.x)[0]
        return found

    def conditioned(self, rows: Floats) -> tuple[Floats, Floats]:
        """Mean and variance at rows, noise left out."""
        across = self.covariance(rows)
        known = solve_triangular(self.factor, across.T, lower=True, check_finite=False)
        return across @ self.weights, np.maximum(
            self.kernel.height[0] + self.kernel.bent(rows)[0] ** 2 - (known * known).sum(axis=0), 0.0
        )

    def left_out(self) -> tuple[Floats, Floats]:
        """Mean and variance of each result by the others."""
        inverse = solve_triangular(self.factor, np.eye(len(self.y)), lower=True, check_finite=False)
        variance = 1.0 / (inverse * inverse).sum(axis=0)
        return self.y - self.weights * variance, variance


class _Function:
    """One function of the prior, bent to the data."""

    def __init__(self, fitted: _Fitted, rng: np.random.Generator) -> None:
        kernel = fitted.kernel
        freedoms = kernel.freedoms[0]
        shape = (FEATURES, len(freedoms))
        # A Matern kernel of n/2 is the transform of a t distribution with n degrees of freedom.
        stretch = np.sqrt(freedoms / rng.chisquare(freedoms, size=shape))
        self._fitted = fitted
        self._waves = rng.normal(size=shape) * stretch / kernel.lengths[0]
        self._phases = rng.uniform(0, 2 * np.pi, FEATURES)
        self._heights = rng.normal(size=FEATURES) * np.sqrt(2 * kernel.height[0] / FEATURES)
        self._slope = rng.normal()
        rest = fitted.y - self._prior(fitted.x) - np.sqrt(kernel.noise[0]) * rng.normal(size=len(fitted.y))
        self._weights = fitted.solved(rest)

    def _prior(self, rows: Floats) -> Floats:
        found: Floats = np.cos(rows @ self._waves.T + self._phases) @ self._heights
        found += self._slope * self._fitted.kernel.bent(rows)[0]
        return found

    def __call__(self, rows: Floats) -> Floats:
        bent: Floats = self._fitted.covariance(rows) @ self._weights
        return self._prior(rows) + bent
