"""Points near the best results, which stand in for a model that has no answer."""

from __future__ import annotations

from statistics import mean

import pytest

from tests.unit.test_design import mixed
from tuned.core.search.design import design_point
from tuned.core.search.near import CLOSE, near_point
from tuned.core.space import Point, SearchSpace, canonical_key
from tuned.core.space.unit import place
from tuned.core.study_file.constraint_file import constrained
from tuned.core.study_file.models import LinearTable
from tuned.core.study_file.space_file import parse_space


def moved(space: SearchSpace, one: Point, other: Point) -> set[str]:
    return {p.name for p in space.parameters if one.get(p.name) != other.get(p.name)}


def test_they_are_whole_points_of_the_space_and_differ_from_their_parent() -> None:
    space = mixed()
    parents = [design_point(space, 1, i) for i in range(3)]
    points = [near_point(space, parents, 7, i) for i in range(200)]
    assert points == [near_point(space, parents, 7, i) for i in range(200)]
    for point in points:
        assert space.check(point) == point and ("dropout" in point) == (point["reg"] == "dropout")
        assert point not in parents and point["epochs"] == 20
    assert len({canonical_key(point) for point in points}) > 150
    assert {name for point in points for name in moved(space, parents[0], point)} == {*space.names} - {"epochs"}


def test_most_parameters_of_a_parent_stay_and_steps_are_small_and_large() -> None:
    space = parse_space({f"x{i}": {"type": "float", "low": 0.0, "high": 1.0} for i in range(6)})
    parent: Point = {f"x{i}": 0.5 for i in range(6)}
    points = [near_point(space, [parent], 1, i) for i in range(300)]
    assert 1 < mean(len(moved(space, parent, point)) for point in points) < 4
    steps = sorted(abs(float(p[n]) - 0.5) for p in points for n in moved(space, parent, p))
    assert steps[len(steps) // 5] < 2 * CLOSE and steps[-len(steps) // 20] > 0.2


def test_conditions_between_parameters_are_met() -> None:
    number = {"type": "float", "low": 0.0, "high": 1.0}
    space = constrained(parse_space({"a": number, "b": number}), [LinearTable(linear={"a": 1, "b": 1}, at_most=1)])
    assert all(space.meets(near_point(space, [{"a": 0.5, "b": 0.5}], 1, i)) for i in range(100))


@pytest.mark.parametrize("width", [{"type": "int", "low": 8, "high": 1024, "log": True}, [8, 16, 32, 64, 128, 256]])
def test_a_search_by_them_gets_further_than_a_design(width: object) -> None:
    space = parse_space(
        {"lr": {"type": "float", "low": 1e-5, "high": 1.0, "log": True}, "width": width, "on": [*"abc"]}
    )

    def loss(point: Point) -> float:
        lr, wide = place(space["lr"], point["lr"]), place(space["width"], point["width"])
        assert lr is not None and wide is not None
        return (lr - 0.43) ** 2 + (wide - 0.6) ** 2 + 0.1 * (point["on"] != "b")

    def best(seed: int, near: bool) -> float:
        tried: list[tuple[float, int, Point]] = []
        for i in range(40):
            parents = [point for _, _, point in sorted(tried, key=lambda t: t[:2])[:3]]
            point = near_point(space, parents, seed, i) if near and i >= 5 else design_point(space, seed, i)
            tried.append((loss(point), i, point))
        return min(value for value, _, _ in tried)

    assert mean(best(seed, True) for seed in range(20)) < 0.7 * mean(best(seed, False) for seed in range(20))
