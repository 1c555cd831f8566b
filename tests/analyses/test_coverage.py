"""Intervals hold what they are called: a grid of sizes and laws (slow), and a small part of it in every run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.stats import qmc

from tests.analyses import made
from tuned.analyses.intervals import mean_of, skewed_interval
from tuned.analyses.models.model import Model
from tuned.analyses.parameters.effects import effects
from tuned.analyses.parameters.importance import importance
from tuned.analyses.parameters.slices import slice_
from tuned.analyses.question import Question
from tuned.analyses.study_data import Floats, StudyData
from tuned.core.study_file.space_file import parse_space

Draw = Callable[[np.random.Generator, int], Floats]
LAWS: dict[str, tuple[Draw, float]] = {
    "normal": (lambda rng, n: rng.normal(size=n), 0.0),
    "uniform": (lambda rng, n: rng.random(n), 0.5),
    "exponential": (lambda rng, n: rng.exponential(size=n), 1.0),
    "log-normal": (lambda rng, n: np.exp(rng.normal(0, 0.5, n)), float(np.exp(0.125))),
    "bowl of two parameters": (lambda rng, n: ((rng.random((n, 2)) - 0.5) ** 2).sum(axis=1), 1 / 6),
}
SIZES = (4, 5, 6, 8, 10, 20, 50)
SPACE = {name: {"type": "float", "low": 0.0, "high": 1.0} for name in "abc"}
Function = Callable[[Floats], Floats]
FUNCTIONS: dict[str, Function] = {
    "a bowl and a slope": lambda x: 4 * (x[:, 0] - 0.55) ** 2 + 0.3 * x[:, 1],
    "a kink and an interaction": lambda x: 2 * np.abs(x[:, 0] - 0.5) + (x[:, 0] - 0.5) * (x[:, 1] - 0.5),
    "waves": lambda x: np.sin(6 * x[:, 0]) + 0.5 * np.sin(9 * x[:, 1]),
}


def of_means(law: str, n: int, studies: int) -> float:
    draw, mean = LAWS[law]
    rng = np.random.default_rng(n)
    found = [skewed_interval(draw(rng, n)) for _ in range(studies)]
    return float(np.mean([low <= mean <= high for low, high in found]))


def of_adjusted(function: Function, n: int, studies: int) -> float:
    """Share of the marginals of three parameters at four values each that lie in their intervals."""
    space, held = parse_space(SPACE), []
    for seed in range(studies):
        rng = np.random.default_rng([n, seed])
        x = rng.random((n, 3))
        results = function(x) + 0.1 * function(x).std() * rng.normal(size=n)
        model = Model(space, [dict(zip("abc", row, strict=True)) for row in x.tolist()], results)
        for j, name in enumerate("abc"):
            for value in (0.15, 0.4, 0.6, 0.85):
                there = x.copy()
                there[:, j] = value
                found, true = model.marginal(space[name], value), float(function(there).mean())
                held.append(found.low <= true <= found.high)
    return float(np.mean(held))


def of_slices(function: Function, n: int, studies: int) -> float:
    """Share of points along each parameter, the others as in the best trial, whose true result is in its interval."""
    held: list[bool] = []
    for seed in range(studies):
        rng = np.random.default_rng([n, seed, 2])
        x = rng.random((n, 3))
        results = function(x) + 0.1 * function(x).std() * rng.normal(size=n)
        points: list[Any] = [dict(zip("abc", row, strict=True)) for row in x.tolist()]
        study = made.study([made.trial(i + 1, [results[i]], point) for i, point in enumerate(points)], SPACE)
        for row in figures(study):
            there = np.array([[row["at"][name] for name in "abc"]] * len(row["values"]))
            there[:, "abc".index(row["name"])] = row["values"]
            held += list(np.abs(function(there) - row["mean"]) <= 1.96 * np.array(row["deviation"]))
    return float(np.mean(held))


def figures(study: StudyData) -> list[dict[str, Any]]:
    found = slice_(Question(study)).figures["slice"]
    return [{**figure, "name": name} for name, figure in found.items()]


def true_importance(function: Function) -> Floats:
    units = qmc.Sobol(6, seed=1).random(2**14)
    a, b = units[:, :3], units[:, 3:]
    whole = [np.where(np.arange(3) == j, b, a) for j in range(3)]
    found: Floats = np.array([np.mean((function(a) - function(w)) ** 2) for w in whole]) / (2 * function(a).var())
    return found


def of_importance(function: Function, n: int, studies: int) -> float:
    """Share of the three parameters' true shares that lie in their 90 % intervals, which print whole per cents."""
    true, held = true_importance(function), []
    for seed in range(studies):
        rng = np.random.default_rng([n, seed, 1])
        x = rng.random((n, 3))
        results = function(x) + 0.05 * function(x).std() * rng.normal(size=n)
        points: list[Any] = [dict(zip("abc", row, strict=True)) for row in x.tolist()]
        study = made.study(
            [made.trial(i + 1, [r], p) for i, (r, p) in enumerate(zip(results, points, strict=True))], SPACE
        )
        rows = {row[0]: row[2] for row in importance(Question(study)).tables[0].rows}
        held += [rows[name][0] - 0.005 <= true[j] <= rows[name][1] + 0.005 for j, name in enumerate("abc")]
    return float(np.mean(held))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("law", LAWS)
def test_intervals_of_means(law: str, n: int) -> None:
    assert 0.92 - 0.01 <= of_means(law, n, 3000) <= 0.98


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("n", [14, 30, 60])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_intervals_of_adjusted_results(name: str, n: int) -> None:
    assert of_adjusted(FUNCTIONS[name], n, 40) >= 0.88


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("n", [14, 30, 60])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_intervals_of_slices(name: str, n: int) -> None:
    assert of_slices(FUNCTIONS[name], n, 20) >= 0.92


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("n", [14, 30])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_intervals_of_importance(name: str, n: int) -> None:
    assert of_importance(FUNCTIONS[name], n, 40) >= 0.9


def test_four_values_are_enough_for_an_interval_of_their_mean() -> None:
    assert 0.92 <= of_means("normal", 4, 1000) <= 0.98 and of_means("exponential", 4, 1000) >= 0.9
    assert skewed_interval([1.0, 1.0, 1.0]) == (1.0, 1.0)
    low, high = skewed_interval([0.0, 1.0, 2.0, 9.0])
    assert low <= mean_of([0.0, 1.0, 2.0, 9.0]).low and high > mean_of([0.0, 1.0, 2.0, 9.0]).high


def test_adjusted_results_hold_what_they_claim() -> None:
    assert of_adjusted(FUNCTIONS["a bowl and a slope"], 24, 6) >= 0.85


def test_a_slice_through_a_corner_holds_what_it_claims() -> None:
    """The bottom of a V along one parameter, on which all points along the others stand: a smooth kernel rounds it."""
    assert of_slices(FUNCTIONS["a kink and an interaction"], 60, 3) >= 0.92


def test_importance_is_not_sure_at_few_trials() -> None:
    """Fourteen trials in which a second parameter matters in places alone: 80 % and 33 % of the variation."""

    def function(x: Floats) -> Floats:
        return np.minimum(1, 0.05 + 3 * (x[:, 0] - 0.6) ** 2 + 1.5 * (x[:, 1] - 0.3) ** 2 * (x[:, 0] > 0.4))

    assert of_importance(function, 14, 6) >= 0.7


def test_no_share_is_called_anything_from_none_to_all_where_little_is_known() -> None:
    rng = np.random.default_rng(0)
    space = {name: {"type": "float", "low": 0.0, "high": 1.0} for name in "abcdefgh"}
    noisy = made.searched(space, lambda p: float(p["a"]) * float(p["b"]) + float(rng.normal(0, 0.15)), 24)
    assert not any(row[2] == (0.0, 1.0) for row in importance(Question(noisy)).tables[0].rows)


def test_a_wild_result_does_not_rule_a_table_and_is_told() -> None:
    rng = np.random.default_rng(0)
    points: list[Any] = [dict(zip("abc", row, strict=True)) for row in rng.random((24, 3)).tolist()]
    losses = [1e6 if i == 3 else 1 + float(p["a"]) for i, p in enumerate(points)]
    study = made.study([made.trial(i + 1, [x], p) for i, (x, p) in enumerate(zip(losses, points, strict=True))], SPACE)
    answer = effects(Question(study, {"param": "b"}))
    assert max(row[2] for row in answer.tables[0].rows) < 10
    assert any("1 of 24 results are wild" in note for note in answer.notes)
