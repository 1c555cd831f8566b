"""`python -m benchmarks.light_model [PROBLEM...]`: a light stand-in for the model of `auto`, for ideas on many seeds.

Owns that stand-in, in numpy. Kernel, beliefs about lengths and noise, and the acquisition (noisy expected improvement,
over results and awaited points together) are those of the daemon's model; the searches for the best hyperparameters and
for the next point are plain ones, so that a search of 30 trials costs half a second. Its figures are its own: what a
change does to the daemon's model is said by `benchmarks.search` alone.
"""

from __future__ import annotations

import argparse
import heapq
import json
import math
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import ndtr

from benchmarks.interval import interval
from benchmarks.search import FIRST_SEED
from benchmarks.search_path import UNEVEN
from benchmarks.search_problems import PROBLEMS, Problem, shifted
from tuned.advisor.history import TAME
from tuned.core.search.design import design_point
from tuned.core.search.phases import initial_points
from tuned.core.search.sequence import noise

Array = NDArray[np.float64]
FUNCTIONS = ("branin", "levy4", "hartmann6")
NOISY = {"branin": 3.0, "levy4": 3.0, "hartmann6": 0.15}
"""Standard deviation of the noise that `--noisy` adds to each result."""
SAMPLES = 64
STEPS = (0.1, 0.05, 0.03, 0.015, 0.008, 0.004, 0.002)


@dataclass(frozen=True)
class Belief:
    """What may be changed.

    Attributes:
        noise: Middle and spread of the logarithm of the noise's variance, and the least variance.
        bend: Results are told as the logarithm of their distance to the best, about straight within this share of the
            way to the median; None: as they are.
    """

    noise: tuple[float, float, float] = (-4.0, 1.0, 1e-4)
    bend: float | None = None


BELIEFS = {
    "noise -4 ± 1": Belief(),
    "bend 0.1": Belief(bend=0.1),
    "bend 1": Belief(bend=1.0),
    "noise -6 ± 2": Belief((-6.0, 2.0, 1e-6)),
    "noise -3 ± 2": Belief((-3.0, 2.0, 1e-6)),
    "noise -1 ± 2": Belief((-1.0, 2.0, 1e-6)),
}


def _kernel(a: Array, b: Array, lengths: Array) -> Array:
    a, b = a / lengths, b / lengths
    squares = (a * a).sum(1)[:, None] + (b * b).sum(1)[None] - 2 * a @ b.T
    return np.asarray(np.exp(-0.5 * np.maximum(0, squares)))


def _fitted(x: Array, y: Array, believed: tuple[float, float, float]) -> tuple[Array, float, float]:
    """Lengths, variance of the noise and mean of the highest posterior density; lengths as BoTorch believes them."""
    n, d = x.shape
    middle, spread = math.sqrt(2) + 0.5 * math.log(d), math.sqrt(3)
    noise_middle, noise_spread, least = believed
    apart = (x[:, None, :] - x[None, :, :]) ** 2

    def loss(t: Array) -> tuple[float, Array]:
        variance = math.exp(t[d])
        scaled = apart / np.exp(t[:d]) ** 2
        signal = np.exp(-0.5 * scaled.sum(2))
        covariance = signal + (variance + 1e-8) * np.eye(n)
        try:
            triangle = np.linalg.cholesky(covariance)
        except np.linalg.LinAlgError:
            return 1e10, np.zeros(d + 2)
        inverse, rest = np.linalg.inv(covariance), y - t[d + 1]
        weights = inverse @ rest
        slope = np.outer(weights, weights) - inverse
        at, noise_at = (t[:d] - middle) / spread, (t[d] - noise_middle) / noise_spread
        value = 0.5 * rest @ weights + np.log(np.diag(triangle)).sum()
        value += (0.5 * at * at + t[:d]).sum() + 0.5 * noise_at**2 + t[d]
        by_lengths = -0.5 * np.einsum("ij,ijk->k", slope * signal, scaled) + at / spread + 1
        by_noise = -0.5 * np.trace(slope) * variance + noise_at / noise_spread + 1
        return float(value), np.r_[by_lengths, by_noise, -weights.sum()]

    likeliest = max(noise_middle - noise_spread**2, math.log(2 * least))
    ends = [(math.log(0.025), 6.0)] * d + [(math.log(least), 2.0), (None, None)]
    begin = np.r_[np.full(d, middle - spread**2), likeliest, 0.0]
    found = minimize(loss, begin, jac=True, method="L-BFGS-B", bounds=ends, options={"maxiter": 50}).x
    return np.exp(found[:d]), math.exp(found[d]), float(found[d + 1])


def _told(values: list[float], bend: float | None) -> Array:
    """Results as the model is told of them: without absurd ones, standardised."""
    y = np.asarray(values)
    best, middle = y.min(), float(np.median(y))
    if middle > best:
        y = np.minimum(y, middle + TAME * (middle - best))
        if bend is not None:
            y = np.log1p((y - best) / (bend * (middle - best)))
    low, high = np.quantile(y, [0.25, 0.75])
    y = np.minimum(y, high + 1.5 * (high - low))
    return np.asarray((y - y.mean()) / (y.std(ddof=1) or 1.0))


class _Acquisition:
    """Logarithm of the expected improvement over the best of what is known and of what is awaited, over samples."""

    def __init__(self, x: Array, y: Array, awaited: Array, fitted: tuple[Array, float, float], random: Any) -> None:
        self._lengths, variance, self._mean = fitted
        inverse = np.linalg.inv(_kernel(x, x, self._lengths) + variance * np.eye(len(x)))
        self._base = np.vstack([x, awaited]) if len(awaited) else x
        cross, own = _kernel(self._base, x, self._lengths), _kernel(self._base, self._base, self._lengths)
        sizes, axes = np.linalg.eigh(own - cross @ inverse @ cross.T)
        spread = (axes * np.sqrt(np.maximum(sizes, 0))) @ random.standard_normal((len(self._base), SAMPLES))
        values = (self._mean + cross @ inverse @ (y - self._mean))[:, None] + spread
        self._inverse = np.linalg.inv(own + 1e-6 * np.eye(len(self._base)))
        self._weights, self._best = self._inverse @ (values - self._mean), values.min(0)

    def __call__(self, x: Array) -> Array:
        k = _kernel(x, self._base, self._lengths)
        variance = np.maximum(1 - np.einsum("ij,jk,ik->i", k, self._inverse, k), 1e-12)
        deviation = np.sqrt(variance)[:, None]
        z = (self._best - self._mean - k @ self._weights) / deviation
        near = np.maximum(np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi) + z * ndtr(z), 1e-300)
        far = -0.5 * z * z - 0.919 - 2 * np.log(np.maximum(-z, 1))
        each = np.where(z > -6, np.log(near), far) + np.log(deviation)
        most = each.max(1)
        return np.asarray(most + np.log(np.exp(each - most[:, None]).mean(1)))


def _suggested(x: Array, values: list[float], awaited: Array, random: Any, belief: Belief) -> Array:
    y, d = _told(values, belief.bend), x.shape[1]
    acquisition = _Acquisition(x, y, awaited, _fitted(x, y, belief.noise), random)
    best = x[np.argsort(y)[:4]]
    anywhere = random.random((400, d))
    moved = best[random.integers(0, len(best), 150)] + 0.05 * random.standard_normal((150, d)) * (
        random.random((150, d)) < max(0.4, 2 / d)
    )
    starts = np.vstack([anywhere, np.clip(moved, 0, 1)])
    gains = acquisition(starts)
    first = np.argsort(-gains)[:6]
    points, found = starts[first], gains[first]
    for step in STEPS:
        shape = (len(points), 24, d)
        near = points[:, None] + step * random.standard_normal(shape) * (random.random(shape) < 0.6)
        near = np.clip(near, 0, 1)
        values_near = acquisition(near.reshape(-1, d)).reshape(shape[:2])
        at = (np.arange(len(points)), values_near.argmax(1))
        points = np.where((values_near[at] > found)[:, None], near[at], points)
        found = np.maximum(found, values_near[at])
    return np.asarray(points[found.argmax()])


def searched(problem: Problem, seed: int, slots: int, belief: Belief, noisy: float = 0.0) -> float:
    """The true value of the point with the best result; a slot that is free gets the next point."""
    parameters = problem.space.parameters
    low, high = np.array([p.numeric_ends for p in parameters]).T
    width = high - low
    names, first = [p.name for p in parameters], initial_points(problem.space, problem.trials)
    random, errors = np.random.default_rng(seed), np.random.default_rng(seed + 5_000)
    points: list[Array] = []
    values: list[float] = []
    true: list[float] = []
    running: list[tuple[float, int, Array]] = []
    now, number = 0.0, 0
    while True:
        while len(running) < slots and number < problem.trials:
            number += 1
            if len(values) < first:
                design = design_point(problem.space, seed, number - 1)
                point = (np.array([float(design[name]) for name in names]) - low) / width
            else:
                awaited = np.array([p for _, _, p in running])
                point = _suggested(np.array(points), values, awaited, random, belief)
            lasts = 1 + UNEVEN * (2 * noise(seed, number, "duration") - 1)
            heapq.heappush(running, (now + lasts, number, point))
        if not running:
            return true[int(np.argmin(values))]
        now, _, point = heapq.heappop(running)
        points.append(point)
        true.append(problem.value(dict(zip(names, (low + width * point).tolist(), strict=True)), 0))
        values.append(true[-1] + noisy * errors.standard_normal())


def _regret(name: str, seed: int, slots: int, belief: Belief, noisy: bool) -> float:
    problem = shifted(PROBLEMS[name], seed)
    best = searched(problem, seed, slots, belief, NOISY[name] if noisy else 0.0)
    return math.log10(max(best - problem.optimum, 1e-12))


def _known(path: Path | None) -> dict[str, float]:
    if path is None or not path.exists():
        return {}
    return dict(json.loads(line) for line in path.read_text().splitlines())


def main() -> None:
    """Print log10 regrets on moved ranges, and what each row loses to the first of its problem, paired by seed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("problems", nargs="*", default=list(FUNCTIONS))
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED, help="100 and above to try something out")
    parser.add_argument("--slots", type=int, nargs="*", default=[1])
    parser.add_argument("--beliefs", nargs="*", default=["noise -4 ± 1"], choices=list(BELIEFS))
    parser.add_argument("--noisy", action="store_true", help="results with noise; the true value of the best counts")
    parser.add_argument("--out", type=Path, help="a measurement that was cut off goes on from there")
    given = parser.parse_args()
    known = _known(given.out)
    rows = list(product(given.problems, given.slots, given.beliefs))
    seeds = range(given.first_seed, given.first_seed + given.seeds)
    for seed, (name, slots, label) in product(seeds, rows):
        key = f"{name} {slots} {label} {seed} {given.noisy}"
        if key in known:
            continue
        known[key] = _regret(name, seed, slots, BELIEFS[label], given.noisy)
        if given.out is not None:
            with given.out.open("a") as file:
                file.write(json.dumps([key, known[key]]) + "\n")
    print("| problem | slots | belief | log10 regret | more than the first row |\n|---|---|---|---|---|")
    for name, slots, label in rows:
        found, base = (
            [known[f"{name} {n} {belief} {seed} {given.noisy}"] for seed in seeds]
            for n, belief in ((slots, label), (given.slots[0], given.beliefs[0]))
        )
        more = interval([a - b for a, b in zip(found, base, strict=True)], 2)
        print(f"| {name} | {slots} | {label} | {interval(found, 2)} | {more} |")


if __name__ == "__main__":
    main()
