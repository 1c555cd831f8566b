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
JITTER = 1e-8
_LEAST, _MOST = np.log((0.02, 0.05, 1e-5)), np.log((50.0, 30.0, 2.0))
_MIDDLE, _SPREAD = np.array([0.0, np.log(0.8), np.log(0.02)]), np.array([1.0, 1.2, 1.8])
"""Of the logarithms of height, each length and noise: bounds, and the normal prior's mean and deviation. For features
of 0 to 1 and results of deviation 1."""


@dataclass(frozen=True, eq=False)
class Functions:
    """What may lie behind results.

    Attributes:
        x: (rows, features), each 0 to 1.
        y: (rows,) results, of mean 0 and deviation 1.
    """

    x: Floats
    y: Floats

    def at(self, rows: Floats) -> Floats:
        """(draws, rows): each drawn function at these rows, noise left out."""
        return np.array([draw(rows) for draw in self._drawn])

    @cached_property
    def _drawn(self) -> Sequence[_Function]:
        rng = np.random.default_rng(0)
        some = np.linspace(0, len(self.y) - 1, min(MOST, len(self.y))).astype(int)
        return [_Function(self.x, self.y, kernel, rng) for kernel in _walk(self.x[some], self.y[some], rng)]


class _Function:
    """One function of the prior, bent to the data."""

    def __init__(self, x: Floats, y: Floats, kernel: Floats, rng: np.random.Generator) -> None:
        height, noise = float(np.exp(kernel[0])), float(np.exp(kernel[-1]))
        self._x, self._lengths, self._height = x, np.exp(kernel[1:-1]), height
        shape = (FEATURES, x.shape[1])
        # A Matern kernel of 5/2 is the transform of a t distribution with 5 degrees of freedom.
        self._waves = rng.normal(size=shape) * np.sqrt(5 / rng.chisquare(5, size=(FEATURES, 1))) / self._lengths
        self._phases = rng.uniform(0, 2 * np.pi, FEATURES)
        self._heights = rng.normal(size=FEATURES) * np.sqrt(2 * height / FEATURES)
        rest = y - self._prior(x) - np.sqrt(noise) * rng.normal(size=len(y))
        self._weights = cho_solve((_factor(x, kernel), True), rest)

    def _prior(self, rows: Floats) -> Floats:
        found: Floats = np.cos(rows @ self._waves.T + self._phases) @ self._heights
        return found

    def __call__(self, rows: Floats) -> Floats:
        bent: Floats = self._height * _matern(rows, self._x, self._lengths) @ self._weights
        return self._prior(rows) + bent


def _matern(one: Floats, other: Floats, lengths: Floats) -> Floats:
    a, b = one / lengths, other / lengths
    square = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1)[None] - 2 * a @ b.T
    r = np.sqrt(5 * np.maximum(square, 0.0))
    found: Floats = (1 + r + r * r / 3) * np.exp(-r)
    return found


def _factor(x: Floats, kernel: Floats) -> Floats:
    covariance = np.exp(kernel[0]) * _matern(x, x, np.exp(kernel[1:-1]))
    covariance[np.diag_indices_from(covariance)] += np.exp(kernel[-1]) + JITTER
    found: Floats = cholesky(covariance, lower=True, check_finite=False)
    return found


def _walk(x: Floats, y: Floats, rng: np.random.Generator) -> list[Floats]:
    """Draws of (log height, log lengths, log noise): a Metropolis walk whose steps are fitted while it warms up."""
    which = np.array([0, *[1] * x.shape[1], 2])
    now = _MIDDLE[which]
    likely, reach = _log_posterior(x, y, now, which), 1.2 / np.sqrt(len(now))
    steps: Floats = np.diag(_SPREAD[which])
    seen, found = [now], []
    for i in range(BURN + DRAWS * THIN):
        offered = now + reach * (steps @ rng.normal(size=len(now)))
        other = _log_posterior(x, y, offered, which)
        accepted = np.log(rng.random()) < other - likely
        if accepted:
            now, likely = offered, other
        seen.append(now)
        if i < BURN:
            reach *= float(np.exp(0.06 * (accepted - 0.25)))
            if i in (BURN // 2, BURN - 1):
                spread = np.cov(np.array(seen[i // 3 :]).T) + 1e-3 * np.eye(len(now))
                steps, reach = np.array(np.linalg.cholesky(spread), dtype=float), 2.2 / float(np.sqrt(len(now)))
        elif (i - BURN) % THIN == THIN - 1:
            found.append(now)
    return found


def _log_posterior(x: Floats, y: Floats, kernel: Floats, which: Floats) -> float:
    if np.any(kernel < _LEAST[which]) or np.any(kernel > _MOST[which]):
        return -np.inf
    try:
        factor = _factor(x, kernel)
    except LinAlgError:
        return -np.inf
    z = solve_triangular(factor, y, lower=True, check_finite=False)
    prior = float(np.sum(((kernel - _MIDDLE[which]) / _SPREAD[which]) ** 2)) / 2
    return float(-(z @ z) / 2 - np.log(np.diag(factor)).sum() - prior)
