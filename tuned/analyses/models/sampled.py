"""Functions that fit what was seen: draws from a Gaussian process whose kernel is drawn as well.

Owns the sampling. A kernel that is fixed at its likeliest lengths is over-sure at few trials: it says of a parameter
that it does nothing when it only may do nothing. Here lengths, height and noise are drawn by a Metropolis walk over
their posterior, and for each of them a function by conditioning one of the prior's on the data (Matheron's rule; Wilson
and others 2020), the prior's by random Fourier features. A function of the data alone: the seed is fixed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import LinAlgError, cho_solve, cholesky, solve_triangular

from tuned.analyses.study_data import Floats

DRAWS = 40
BURN, THIN = 200, 10
"""Steps of the walk before the first draw, and from draw to draw."""
MOST = 100
"""Rows that the walk looks at: each step costs their cube. Functions are conditioned on all."""
FEATURES = 256
FREEDOMS = (1, 3, 5)
"""Twice the smoothness of a Matern kernel: a function with kinks, and one without."""
SWITCH = 0.2
"""Share of the steps that may change the smoothness."""
JITTER = 1e-8
_LEAST, _MOST = np.log((0.02, 0.05, 1e-5)), np.log((50.0, 30.0, 2.0))
_MIDDLE, _SPREAD = np.array([0.0, np.log(0.8), np.log(0.02)]), np.array([1.0, 1.2, 1.8])
"""Of the logarithms of height, each length and noise: bounds, and the normal prior's mean and deviation. For features
of 0 to 1 and results of deviation 1."""


@dataclass(frozen=True, eq=False)
class Kernel:
    """A Matern kernel with noise.

    Attributes:
        logs: Logarithms of height, of each feature's length, and of the noise's variance; (features + 2,).
        freedom: Twice its smoothness, of `FREEDOMS`.
    """

    logs: Floats
    freedom: int = FREEDOMS[-1]

    @cached_property
    def height(self) -> float:
        """Variance of the functions."""
        return float(np.exp(self.logs[0]))

    @cached_property
    def lengths(self) -> Floats:
        """(features,): the distance along each over which a function changes."""
        found: Floats = np.exp(self.logs[1:-1])
        return found

    @cached_property
    def noise(self) -> float:
        """Variance of a result about its function."""
        return float(np.exp(self.logs[-1]))


@dataclass(frozen=True, eq=False)
class Functions:
    """Functions that may lie behind results.

    Attributes:
        x: (rows, features), each 0 to 1.
        y: (rows,) results, of mean 0 and deviation 1.
    """

    x: Floats
    y: Floats

    def at(self, rows: Floats) -> Floats:
        """(draws, rows): each drawn function at these rows, noise left out."""
        return np.array([draw(rows) for draw in self._drawn])

    def moments(self, rows: Floats) -> tuple[Floats, Floats]:
        """Mean and standard deviation at these rows over all functions of all drawn kernels, noise left out."""
        found = [_conditioned(self.x, self.y, kernel, rows) for kernel in self._kernels]
        means, variances = (np.array(part) for part in zip(*found, strict=True))
        mean: Floats = means.mean(axis=0)
        return mean, np.sqrt(variances.mean(axis=0) + means.var(axis=0))

    @cached_property
    def _kernels(self) -> Sequence[Kernel]:
        some = np.linspace(0, len(self.y) - 1, min(MOST, len(self.y))).astype(int)
        return _walk(self.x[some], self.y[some], np.random.default_rng(0))

    @cached_property
    def _drawn(self) -> Sequence[_Function]:
        rng = np.random.default_rng(1)
        return [_Function(self.x, self.y, kernel, rng) for kernel in self._kernels]


class _Function:
    """One function of the prior, bent to the data."""

    def __init__(self, x: Floats, y: Floats, kernel: Kernel, rng: np.random.Generator) -> None:
        self._x, self._kernel = x, kernel
        shape, freedom = (FEATURES, x.shape[1]), kernel.freedom
        # A Matern kernel of n/2 is the transform of a t distribution with n degrees of freedom.
        stretch = np.sqrt(freedom / rng.chisquare(freedom, size=(FEATURES, 1)))
        self._waves = rng.normal(size=shape) * stretch / kernel.lengths
        self._phases = rng.uniform(0, 2 * np.pi, FEATURES)
        self._heights = rng.normal(size=FEATURES) * np.sqrt(2 * kernel.height / FEATURES)
        rest = y - self._prior(x) - np.sqrt(kernel.noise) * rng.normal(size=len(y))
        self._weights = cho_solve((_factor(x, kernel), True), rest)

    def _prior(self, rows: Floats) -> Floats:
        found: Floats = np.cos(rows @ self._waves.T + self._phases) @ self._heights
        return found

    def __call__(self, rows: Floats) -> Floats:
        bent: Floats = _covariance(rows, self._x, self._kernel) @ self._weights
        return self._prior(rows) + bent


def _covariance(one: Floats, other: Floats, kernel: Kernel) -> Floats:
    a, b = one / kernel.lengths, other / kernel.lengths
    square = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1)[None] - 2 * a @ b.T
    r = np.sqrt(kernel.freedom * np.maximum(square, 0.0))
    rest = {1: 1.0, 3: 1 + r, 5: 1 + r + r * r / 3}[kernel.freedom]
    found: Floats = kernel.height * rest * np.exp(-r)
    return found


def _factor(x: Floats, kernel: Kernel) -> Floats:
    covariance = _covariance(x, x, kernel)
    covariance[np.diag_indices_from(covariance)] += kernel.noise + JITTER
    found: Floats = cholesky(covariance, lower=True, check_finite=False)
    return found


def _conditioned(x: Floats, y: Floats, kernel: Kernel, rows: Floats) -> tuple[Floats, Floats]:
    """Mean and variance at rows by one kernel."""
    factor, across = _factor(x, kernel), _covariance(rows, x, kernel)
    mean: Floats = across @ cho_solve((factor, True), y)
    known = solve_triangular(factor, across.T, lower=True, check_finite=False)
    return mean, np.maximum(kernel.height - (known * known).sum(axis=0), 0.0)


def _walk(x: Floats, y: Floats, rng: np.random.Generator) -> list[Kernel]:
    """Draws of the kernel: a Metropolis walk whose steps are fitted while it warms up."""
    which = np.array([0, *[1] * x.shape[1], 2])
    now = Kernel(_MIDDLE[which])
    likely, reach = _log_posterior(x, y, now, which), 1.2 / np.sqrt(len(which))
    steps: Floats = np.diag(_SPREAD[which])
    seen, found = [now.logs], []
    for i in range(BURN + DRAWS * THIN):
        freedom = FREEDOMS[int(rng.integers(len(FREEDOMS)))] if rng.random() < SWITCH else now.freedom
        offered = Kernel(now.logs + reach * (steps @ rng.normal(size=len(which))), freedom)
        other = _log_posterior(x, y, offered, which)
        accepted = np.log(rng.random()) < other - likely
        if accepted:
            now, likely = offered, other
        seen.append(now.logs)
        if i < BURN:
            reach *= float(np.exp(0.06 * (accepted - 0.25)))
            if i in (BURN // 2, BURN - 1):
                spread = np.cov(np.array(seen[i // 3 :]).T) + 1e-3 * np.eye(len(which))
                steps, reach = np.array(np.linalg.cholesky(spread), dtype=float), 2.2 / float(np.sqrt(len(which)))
        elif (i - BURN) % THIN == THIN - 1:
            found.append(now)
    return found


def _log_posterior(x: Floats, y: Floats, kernel: Kernel, which: Floats) -> float:
    if np.any(kernel.logs < _LEAST[which]) or np.any(kernel.logs > _MOST[which]):
        return -np.inf
    try:
        factor = _factor(x, kernel)
    except LinAlgError:
        return -np.inf
    z = solve_triangular(factor, y, lower=True, check_finite=False)
    prior = float(np.sum(((kernel.logs - _MIDDLE[which]) / _SPREAD[which]) ** 2)) / 2
    return float(-(z @ z) / 2 - np.log(np.diag(factor)).sum() - prior)
