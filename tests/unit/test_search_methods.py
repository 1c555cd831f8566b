"""Grids, phases and the switches between ways of choosing points."""

from __future__ import annotations

import pytest

from tuned.advisor.evolution import offspring
from tuned.advisor.history import weigh
from tuned.advisor.messages import ObjectiveLine, TrialLine
from tuned.core.search.design import design_point
from tuned.core.search.grid import fresh_grid_point, grid_points, grid_size
from tuned.core.search.phases import due
from tuned.core.space import canonical_key
from tuned.core.states import TrialState
from tuned.core.study import SearchPhase, SearchSpec
from tuned.core.study_file.space_file import parse_space

SPACE = parse_space(
    {
        "optimizer": ["sgd", "adam", "none"],
        "lr": {"type": "float", "low": 1e-4, "high": 1.0, "log": True},
        "momentum": {"type": "float", "low": 0.0, "high": 0.9, "when": {"optimizer": "sgd"}},
        "width": {"type": "int", "low": 8, "high": 512, "log": True},
        "deep": {"type": "bool"},
    }
)
MINIMIZE = (ObjectiveLine("loss", "minimize"),)


def test_a_grid_has_its_levels_both_ends_among_them():
    points = grid_points(SPACE, 3)
    assert len(points) == grid_size(SPACE, 3) == (3 + 1 + 1) * 3 * 3 * 2
    assert {p["lr"] for p in points} == {1e-4, 0.01, 1.0}
    assert {p["width"] for p in points} == {8, 64, 512}
    assert len({canonical_key(p) for p in points}) == len(points)
    for point in points:
        assert SPACE.check(point) == point


def test_a_grid_gives_each_point_once_and_then_ends():
    space = parse_space({"n": {"type": "int", "low": 1, "high": 4}, "b": {"type": "bool"}})
    taken: set[str] = set()
    for i in range(8):
        found = fresh_grid_point(space, 5, i % 3, taken)
        assert found is not None and found[1] == grid_points(space, 5)[found[0]]
        taken.add(canonical_key(found[1]))
    assert len(taken) == 8
    assert fresh_grid_point(space, 5, 0, taken) is None


def test_of_a_grids_points_that_are_rounded_alike_one_is_tried():
    space = parse_space({"x": {"type": "float", "low": 0.0, "high": 1.0}})
    taken: set[str] = set()
    tried = []
    while (found := fresh_grid_point(space, 21, 0, taken, lambda p: {"x": round(float(p["x"]), 1)})) is not None:
        tried.append(found[1]["x"])
        taken.add(canonical_key(found[1]))
    assert tried == [i / 10 for i in range(11)]


def test_phases_follow_each_other():
    search = SearchSpec(
        "auto", 60, phases=(SearchPhase("grid", 12), SearchPhase("evolution", 20), SearchPhase("random"))
    )
    ways = [due(SPACE, search, finished, created).way for finished, created in ((0, 0), (5, 11), (12, 12), (32, 32))]
    assert ways == ["grid", "grid", "evolution", "random"]
    assert due(SPACE, search, 9, 12).way == "sobol"
    assert due(SPACE, search, 12, 12).why.startswith("phase 2 of 3: from 12 results")


def test_auto_goes_from_design_to_model_to_evolution():
    search = SearchSpec("auto", 10_000)
    assert [due(SPACE, search, n, n).way for n in (0, 7, 8, 2999, 3000)] == [
        "sobol",
        "sobol",
        "bayesian",
        "bayesian",
        "evolution",
    ]
    small = parse_space({"b": {"type": "bool"}})
    assert "all 2 points" in due(small, SearchSpec("auto", 5), 1, 1).why


def _history(count: int) -> list[TrialLine]:
    lines = []
    for number in range(1, count + 1):
        point = design_point(SPACE, 0, number)
        lines.append(TrialLine(number, point, TrialState.COMPLETED, {"loss": loss(point)}))
    return lines


def loss(point):
    away = {"sgd": 0.0, "adam": 1.0, "none": 2.0}[point["optimizer"]]
    return away + abs(float(point["lr"]) - 0.1) + abs(float(point.get("momentum", 0.9)) - 0.5) + float(point["deep"])


def test_evolution_makes_new_valid_points_that_get_better():
    lines = _history(12)
    start = min(line.values["loss"] for line in lines)
    for number in range(13, 90):
        evidence = weigh(SPACE, MINIMIZE, lines)
        made = offspring(SPACE, MINIMIZE, evidence, number)
        assert made is not None
        point, parents = made
        assert SPACE.check(point) == point and canonical_key(point) not in evidence.taken
        assert all(1 <= parent < number for parent in parents)
        assert offspring(SPACE, MINIMIZE, evidence, number) == made
        lines.append(TrialLine(number, point, TrialState.COMPLETED, {"loss": loss(point)}))
    assert min(line.values["loss"] for line in lines) < start
    first, last = ([line.values["loss"] for line in part] for part in (lines[:30], lines[-30:]))
    assert sum(last) < sum(first)


def test_evolution_with_several_objectives_breeds_what_nothing_dominates():
    from tuned.advisor.evolution import select

    both = (ObjectiveLine("loss", "minimize"), ObjectiveLine("speed", "maximize"))
    values = {1: (1.0, 1.0), 2: (2.0, 5.0), 3: (3.0, 4.0), 4: (0.5, 0.5)}
    lines = [
        TrialLine(n, design_point(SPACE, 0, n), TrialState.COMPLETED, {"loss": a, "speed": b})
        for n, (a, b) in values.items()
    ]
    chosen = select(both, weigh(SPACE, both, lines).data)
    assert [s.number for s in chosen] == [1, 2, 4, 3]


@pytest.mark.parametrize("count", [2, 3])
def test_a_small_space_runs_out_of_children(count):
    space = parse_space({"b": {"type": "bool"}, "c": ["x", "y", "z"]})
    points = [{"b": b, "c": c} for b in (False, True) for c in ("x", "y", "z")]
    lines = [TrialLine(i, p, TrialState.COMPLETED, {"loss": float(i)}) for i, p in enumerate(points, 1)]
    assert offspring(space, MINIMIZE, weigh(space, MINIMIZE, lines), count) is None


def test_a_grid_and_its_children_keep_the_conditions_between_parameters():
    from tuned.core.study_file.constraint_file import constrained
    from tuned.core.study_file.models import LinearTable

    plain = {name: {"type": "int", "low": 0, "high": 8} for name in ("a", "b")}
    space = constrained(parse_space(plain), [LinearTable(linear={"a": 1, "b": 1}, at_most=8)])
    points = grid_points(space, 3)
    assert grid_size(space, 3) == len(points) == 6
    lines = [TrialLine(i, p, TrialState.COMPLETED, {"loss": -float(p["a"] + p["b"])}) for i, p in enumerate(points, 1)]
    made = offspring(space, MINIMIZE, weigh(space, MINIMIZE, lines), 1)
    assert made is not None and made[0]["a"] + made[0]["b"] <= 8
