"""Problems whose best value is known (or can be trained quickly), on which ways of choosing points are compared.

Owns the functions, their spaces and budgets. It knows nothing of who searches.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

from benchmarks.digits_training import digits_epochs
from tuned.core.search.sequence import noise
from tuned.core.space import Point, SearchSpace
from tuned.core.study_file.space_file import parse_space


@dataclass(frozen=True)
class Problem:
    """Something to minimise.

    Attributes:
        trials: The budget.
        optimum: The least value there is; for training, one that is as good as perfect.
        value: Point and seed -> value; the seed matters to training alone.
    """

    name: str
    space: SearchSpace
    trials: int
    optimum: float
    value: Callable[[Point, int], float]


def _float(low: float, high: float, log: bool = False, **more: Any) -> dict[str, Any]:
    return {"type": "float", "low": low, "high": high, "log": log, **more}


def branin(point: Point, _seed: int) -> float:
    """Three equal minima in two dimensions."""
    x, y = float(point["x"]), float(point["y"])
    b, c, t = 5.1 / (4 * math.pi**2), 5 / math.pi, 1 / (8 * math.pi)
    return (y - b * x * x + c * x - 6) ** 2 + 10 * (1 - t) * math.cos(x) + 10


def levy4(point: Point, _seed: int) -> float:
    """Four dimensions, waves within a bowl."""
    w = [1 + (float(point[f"x{i}"]) - 1) / 4 for i in range(4)]
    middle = sum((v - 1) ** 2 * (1 + 10 * math.sin(math.pi * v + 1) ** 2) for v in w[:-1])
    last = (w[-1] - 1) ** 2 * (1 + math.sin(2 * math.pi * w[-1]) ** 2)
    return math.sin(math.pi * w[0]) ** 2 + middle + last


_ALPHA = (1.0, 1.2, 3.0, 3.2)
_A = ((10, 3, 17, 3.5, 1.7, 8), (0.05, 10, 17, 0.1, 8, 14), (3, 3.5, 1.7, 10, 17, 8), (17, 8, 0.05, 10, 0.1, 14))
_P = (
    (0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886),
    (0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991),
    (0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650),
    (0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381),
)


def hartmann6(point: Point, _seed: int) -> float:
    """Six dimensions, six local minima."""
    x = [float(point[f"x{i}"]) for i in range(6)]
    return -sum(
        alpha * math.exp(-sum(a * (v - p) ** 2 for a, v, p in zip(row, x, centre, strict=True)))
        for alpha, row, centre in zip(_ALPHA, _A, _P, strict=True)
    )


def mixed(point: Point, _seed: int) -> float:
    """A made-up training: the best learning rate depends on the optimiser, which brings parameters of its own."""
    lr = math.log10(float(point["lr"]))
    loss = 0.02 * (math.log2(int(point["width"])) - 8) ** 2 + 0.05 * abs(int(point["layers"]) - 3)
    loss += {"relu": 0.0, "tanh": 0.1, "sigmoid": 0.4}[str(point["activation"])]
    if point["optimizer"] == "sgd":
        return loss + 0.15 + 0.3 * (lr + 1) ** 2 + 1.5 * (float(point["momentum"]) - 0.9) ** 2
    if point["optimizer"] == "adam":
        return loss + 0.3 * (lr + 3) ** 2 + 0.1 * (math.log10(1 - float(point["beta"])) + 2) ** 2
    return loss + 0.6 + 0.2 * (lr + 2) ** 2


def digits(point: Point, seed: int, epochs: int = 8) -> float:
    """Validation loss of a small network on scikit-learn's digits after so many epochs."""
    *_, (loss, _) = digits_epochs(point, seed, epochs)
    return loss


ACTIVATIONS = ["relu", "tanh", "sigmoid"]

PROBLEMS = {
    problem.name: problem
    for problem in (
        Problem("branin", parse_space({"x": _float(-5.0, 10.0), "y": _float(0.0, 15.0)}), 30, 0.397887, branin),
        Problem("hartmann6", parse_space({f"x{i}": _float(0.0, 1.0) for i in range(6)}), 35, -3.32237, hartmann6),
        Problem("levy4", parse_space({f"x{i}": _float(-10.0, 10.0) for i in range(4)}), 30, 0.0, levy4),
        Problem(
            "mixed",
            parse_space(
                {
                    "optimizer": ["sgd", "adam", "plain"],
                    "lr": _float(1e-5, 1.0, True),
                    "momentum": _float(0.0, 0.99, when={"optimizer": "sgd"}),
                    "beta": _float(0.8, 0.9999, when={"optimizer": "adam"}),
                    "width": {"type": "int", "low": 8, "high": 1024, "log": True},
                    "layers": {"type": "int", "low": 1, "high": 8},
                    "activation": ACTIVATIONS,
                }
            ),
            40,
            0.0,
            mixed,
        ),
        Problem(
            "digits",
            parse_space(
                {
                    "optimizer": ["sgd", "adam"],
                    "lr": _float(1e-5, 1.0, True),
                    "momentum": _float(0.0, 0.99, when={"optimizer": "sgd"}),
                    "width": {"type": "int", "low": 8, "high": 128, "log": True},
                    "batch": [16, 32, 64, 128],
                    "activation": ACTIVATIONS,
                    "regularizer": ["none", "l2", "dropout"],
                    "l2": _float(1e-6, 1e-1, True, when={"regularizer": "l2"}),
                    "dropout": _float(0.0, 0.7, when={"regularizer": "dropout"}),
                }
            ),
            25,
            0.05,
            digits,
        ),
    )
}


NOISE = {"branin": 2.0, "levy4": 3.0, "hartmann6": 0.1}
"""Deviation of the noise in a problem's results, where they are to be noisy."""


def noisy(problem: Problem, seed: int, seen: list[tuple[float, float]]) -> Problem:
    """The problem with noise in its results; each is noted in `seen` with the true value behind it.

    Raises:
        NotImplementedError: None was chosen for it.
    """
    if problem.name not in NOISE:
        raise NotImplementedError("without noise alone")

    def value(point: Point, number: int) -> float:
        true = problem.value(point, number)
        told = true + NOISE[problem.name] * NormalDist().inv_cdf(noise(seed, number, "result"))
        seen.append((told, true))
        return told

    return replace(problem, value=value)


def shifted(problem: Problem, seed: int) -> Problem:
    """The same function over ranges that are moved by up to a tenth of their width, other ones for each seed."""
    moved = []
    for j, p in enumerate(problem.space.parameters):
        by = (p.high - p.low) * 0.2 * (noise(seed, 0, f"shift {j}") - 0.5)
        moved.append(replace(p, low=p.low + by, high=p.high + by))
    return replace(problem, space=SearchSpace(tuple(moved)))
