"""Kernels that may lie behind results, drawn from their posterior.

Owns the kernel and its sampling. A kernel that is fixed at its likeliest lengths is over-sure at few trials: it says of
a parameter that it does nothing when it only may do nothing. Smoothness is each feature's own, and along one of them
the slope may change at a place: a loss is often V-shaped over the logarithm of a rate, and a smooth kernel rounds the
best point off. Kernels are drawn from the prior and moved to the posterior in steps of its likelihood's power (Del
Moral and others 2006), which finds several modes where a walk stays in one. A function of the data alone: the seed is
fixed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tuned.analyses.study_data import Floats

Places = NDArray[np.int64]

DRAWS = 64
MOVES = 4
"""Of every kernel after each step of the power."""
RENEWED = 0.4
"""Share of the kernels that draw their corner anew, where each draws something from the prior."""
MOST = 80
"""Rows that the sampling looks at: each move costs their cube. Functions are conditioned on all."""
FREEDOMS = np.array([1.0, 3.0, 5.0])
"""Twice the smoothness of a Matern kernel: from functions with corners to smooth ones."""
SHARES = np.array([0.2, 0.3, 0.5])
"""Of each in the prior."""
CORNERED = 0.5
"""Share of the kernels, in the prior, whose functions may have a corner."""
JITTER = 1e-8
_LEAST, _MOST = np.log((0.02, 0.05, 1e-5)), np.log((50.0, 30.0, 2.0))
_MIDDLE, _SPREAD = np.array([0.0, np.log(0.6), np.log(0.01)]), np.array([1.0, 1.2, 1.8])
"""Of the logarithms of height, each length and noise: bounds, and the normal prior's mean and deviation. For features
of 0 to 1 and results of deviation 1."""
_BEND = np.log(8.0), 1.2
"""Of the logarithm of a corner's variance of slopes: the prior's mean and deviation."""


@dataclass(frozen=True, eq=False)
class Kernels:
    """Products of a Matern kernel for each feature, with a corner along one of them, and noise.

    Attributes:
        logs: (kernels, features + 2), the logarithms of height, of each feature's length, and of the noise's variance.
        freedoms: (kernels, features), twice the smoothness along each, of `FREEDOMS`.
        along: (kernels,), the feature along which the slope changes at one place; -1: none.
        corners: (kernels, 2), that place, and the logarithm of the variance of half the change.
    """

    logs: Floats
    freedoms: Floats
    along: Places
    corners: Floats

    def __len__(self) -> int:
        return len(self.logs)

    def __getitem__(self, chosen: slice | Places) -> Kernels:
        return Kernels(self.logs[chosen], self.freedoms[chosen], self.along[chosen], self.corners[chosen])

    @property
    def height(self) -> Floats:
        """(kernels,): variance of the functions."""
        found: Floats = np.exp(self.logs[:, 0])
        return found

    @property
    def lengths(self) -> Floats:
        """(kernels, features): the distance over which a function changes."""
        found: Floats = np.exp(self.logs[:, 1:-1])
        return found

    @property
    def noise(self) -> Floats:
        """(kernels,): variance of a result about its function."""
        found: Floats = np.exp(self.logs[:, -1])
        return found

    def covariance(self, one: Floats, other: Floats) -> Floats:
        """(kernels, rows of one, rows of other), noise left out."""
        apart = np.abs(one[:, None, :] - other[None, :, :])
        found = self._at(apart.reshape(-1, one.shape[1])).reshape(len(self), len(one), len(other))
        found += self.bent(one)[:, :, None] * self.bent(other)[:, None, :]
        return found

    def bent(self, rows: Floats) -> Floats:
        """(kernels, rows): the corner's function, of one deviation."""
        reach = np.where(self.along >= 0, np.exp(self.corners[:, 1] / 2), 0.0)
        found: Floats = reach[:, None] * (np.abs(rows[:, self.along].T - self.corners[:, :1]) - 0.25)
        return found

    def _at(self, apart: Floats) -> Floats:
        """(kernels, pairs): the covariance of rows that lie (pairs, features) apart."""
        far, whole = np.zeros((len(self), len(apart))), np.repeat(self.height[:, None], len(apart), axis=1)
        scales = np.sqrt(self.freedoms) / self.lengths
        for j in range(apart.shape[1]):
            r = scales[:, j, None] * apart[None, :, j]
            far -= r
            # Of those with a derivative 1 + r, of those with two 1 + r + r r / 3.
            rough = r * (1 + r * np.where(self.freedoms[:, j, None] == FREEDOMS[2], 1 / 3, 0.0))
            rough *= self.freedoms[:, j, None] > FREEDOMS[0]
            whole *= rough + 1
        whole *= np.exp(far, out=far)
        return whole

    def seen(self, x: Floats) -> Floats:
        """(kernels, rows, rows): the covariance of results; the lower triangle alone."""
        covariance = np.zeros((len(self), len(x), len(x)))
        i, j = _lower(len(x))
        bent = self.bent(x)
        covariance[:, i, j] = self._at(np.abs(x[i] - x[j])) + bent[:, i] * bent[:, j]
        rows = np.arange(len(x))
        covariance[:, rows, rows] = (self.height + self.noise + JITTER)[:, None] + bent**2
        return covariance

    def log_likelihood(self, x: Floats, y: Floats) -> Floats:
        """(kernels,): of results, up to a constant."""
        n, rows = len(y), np.arange(len(y))
        bordered = np.zeros((len(self), n + 1, n + 1))
        bordered[:, :n, :n] = self.seen(x)
        bordered[:, n, :n] = y
        bordered[:, n, n] = 1 + (y @ y) / self.noise
        # The border's row of the factor is the factor's inverse times the results.
        factor = np.linalg.cholesky(bordered)
        found: Floats = -(factor[:, n, :n] ** 2).sum(axis=1) / 2 - np.log(factor[:, rows, rows]).sum(axis=1)
        return found

    def log_prior(self) -> Floats:
        """(kernels,): of the logarithms, up to a constant; minus infinity beyond their bounds."""
        which = _which(self.freedoms.shape[1])
        inside = np.all((self.logs >= _LEAST[which]) & (self.logs <= _MOST[which]), axis=1)
        inside &= (self.corners[:, 0] > 0) & (self.corners[:, 0] < 1)
        found: Floats = np.where(
            inside,
            -(((self.corners[:, 1] - _BEND[0]) / _BEND[1]) ** 2) / 2
            - (((self.logs - _MIDDLE[which]) / _SPREAD[which]) ** 2).sum(axis=1) / 2,
            -np.inf,
        )
        return found


def drawn(x: Floats, y: Floats) -> Kernels:
    """`DRAWS` kernels that may lie behind results.

    Args:
        x: (rows, features), each 0 to 1.
        y: (rows,) results, of mean 0 and deviation 1.
    """
    rng = np.random.default_rng(0)
    some = np.linspace(0, len(y) - 1, min(MOST, len(y))).astype(int)
    x, y = x[some], y[some]
    now = _of_the_prior(x.shape[1], rng)
    likely, power = now.log_likelihood(x, y), 0.0
    while power < 1:
        before, power = power, _next_power(likely, power)
        chosen = _resampled((power - before) * likely, rng)
        now, likely = now[chosen], likely[chosen]
        for i in range(MOVES):
            offered = _stepped(now, rng) if i % 2 else _renewed(now, rng)
            other = offered.log_likelihood(x, y)
            # A renewed kernel comes from the prior, so the prior's share of the ratio cancels.
            change = power * (other - likely) + (offered.log_prior() - now.log_prior() if i % 2 else 0.0)
            taken = np.log(rng.random(len(now))) < change
            now = Kernels(
                np.where(taken[:, None], offered.logs, now.logs),
                np.where(taken[:, None], offered.freedoms, now.freedoms),
                np.where(taken, offered.along, now.along),
                np.where(taken[:, None], offered.corners, now.corners),
            )
            likely = np.where(taken, other, likely)
    return now


def _lower(rows: int) -> tuple[Places, Places]:
    return np.tril_indices(rows, -1)


def _which(features: int) -> Places:
    found: Places = np.array([0, *[1] * features, 2])
    return found


def _of_the_prior(features: int, rng: np.random.Generator) -> Kernels:
    which = _which(features)
    logs = rng.normal(_MIDDLE[which], _SPREAD[which], size=(DRAWS, len(which)))
    freedoms = rng.choice(FREEDOMS, size=(DRAWS, features), p=SHARES)
    along = np.where(rng.random(DRAWS) < CORNERED, rng.integers(features, size=DRAWS), -1)
    corners = np.column_stack([rng.random(DRAWS), rng.normal(_BEND[0], _BEND[1], DRAWS)])
    return Kernels(np.clip(logs, _LEAST[which], _MOST[which]), freedoms, along, corners)


def _next_power(likely: Floats, power: float) -> float:
    """The greatest power at which half of the kernels still count."""

    def counting(step: float) -> float:
        weights = np.exp(step * (likely - likely.max()))
        return float(weights.sum() ** 2 / (weights**2).sum())

    low, high = 0.0, 1.0 - power
    if counting(high) >= len(likely) / 2:
        return 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if counting(middle) >= len(likely) / 2 else (low, middle)
    return power + high


def _resampled(logs: Floats, rng: np.random.Generator) -> Places:
    """Positions, each as often as its weight says."""
    weights = np.exp(logs - logs.max())
    ends = np.cumsum(weights) / weights.sum()
    found: Places = np.searchsorted(ends, (np.arange(len(logs)) + rng.random()) / len(logs)).clip(0, len(logs) - 1)
    return found


def _stepped(now: Kernels, rng: np.random.Generator) -> Kernels:
    """Each moved in a direction in which they differ."""
    count, size = now.logs.shape
    steps = np.linalg.cholesky(np.cov(now.logs.T) + 1e-3 * np.eye(size))
    reach, shift = (10 ** rng.uniform(low, 0.1, size=(count, 1)) for low in (-1, -2))
    logs = now.logs + 2.4 / np.sqrt(size) * reach * (rng.normal(size=(count, size)) @ steps.T)
    return Kernels(logs, now.freedoms, now.along, now.corners + shift * rng.normal(0, (0.2, 1.0), size=(count, 2)))


def _renewed(now: Kernels, rng: np.random.Generator) -> Kernels:
    """Each with its corner, or one of its other figures and the smoothness beside a length, drawn from the prior."""
    count, size = now.logs.shape
    fresh = _of_the_prior(size - 2, rng)
    bent = np.flatnonzero(rng.random(count) < RENEWED)
    which = np.asarray(rng.integers(size, size=count))
    logs, freedoms, along, corners = now.logs.copy(), now.freedoms.copy(), now.along.copy(), now.corners.copy()
    along[bent], corners[bent] = fresh.along[bent], fresh.corners[bent]
    which[bent] = -1
    rows = np.flatnonzero(which >= 0)
    logs[rows, which[rows]] = fresh.logs[rows, which[rows]]
    rows = np.flatnonzero((which > 0) & (which < size - 1))
    freedoms[rows, which[rows] - 1] = fresh.freedoms[rows, which[rows] - 1]
    return Kernels(logs, freedoms, along, corners)
