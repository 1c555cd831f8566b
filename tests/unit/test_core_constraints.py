from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuned.core.errors import InvalidInput
from tuned.core.search.design import complete_point, design_point, every_point, fresh_point
from tuned.core.space import SearchSpace, canonical_key
from tuned.core.study_file.constraint_file import constrained
from tuned.core.study_file.models import LinearTable
from tuned.core.study_file.space_file import parse_space

TABLE = {
    "width": {"type": "int", "low": 16, "high": 1024, "log": True},
    "depth": {"type": "int", "low": 1, "high": 16},
    "kind": ["plain", "deep"],
    "extra": {"type": "float", "low": 0.0, "high": 500.0, "when": {"kind": "deep"}},
    "batch": [8, 32, 128],
}


def space(*tables: LinearTable, **parameters: object) -> SearchSpace:
    return constrained(parse_space(parameters or TABLE), tables)


def linear(at_most: float | None = None, at_least: float | None = None, **weights: float) -> LinearTable:
    return LinearTable(linear=weights, at_most=at_most, at_least=at_least)


@settings(max_examples=20)
@given(i=st.integers(0, 2**31), seed=st.integers(0, 1000), bound=st.integers(90, 2000))
def test_no_design_point_misses_a_condition(i: int, seed: int, bound: int) -> None:
    whole = space(linear(at_most=bound, width=1, depth=64, extra=1), linear(at_least=20, batch=1))
    point = design_point(whole, seed, i)
    assert point["width"] + 64 * point["depth"] + point.get("extra", 0) <= bound + 1e-6  # type: ignore[operator]
    assert point["batch"] >= 32  # type: ignore[operator]


def test_the_middle_of_all_ranges_gives_way_to_a_condition() -> None:
    both = {name: {"type": "float", "low": 0.0, "high": 1.0} for name in "xy"}
    first = design_point(space(linear(at_most=1.2, x=1, y=1), **both), 3, 0)
    assert all(0.4 <= value <= 0.6 for value in first.values())  # type: ignore[operator]
    first = design_point(space(linear(at_most=0.7, x=1, y=1), **both), 3, 0)
    assert sum(first.values()) <= 0.7  # type: ignore[arg-type]


def test_small_numbers_keep_their_conditions_as_large_ones_do() -> None:
    """A slack of 1e-9 let the least learning rate be twice the greatest one."""
    rate = {"type": "float", "low": 1e-10, "high": 1e-6, "log": True}
    ordered = space(linear(at_least=0, most=1, least=-1), most=rate, least=rate)
    assert not ordered.meets({"most": 1e-9, "least": 1.5e-9}) and ordered.meets({"most": 1e-9, "least": 1e-9})
    assert all(point["most"] >= point["least"] for point in (design_point(ordered, 0, i) for i in range(200)))  # type: ignore[operator]
    few = space(linear(at_most=2e-8, most=1, least=1), most=rate, least=rate)
    sums = [sum(design_point(few, 0, i).values()) for i in range(200)]  # type: ignore[arg-type]
    assert max(sums) <= 2e-8 * (1 + 1e-8)


def test_a_rare_corner_is_found_by_repair() -> None:
    whole = space(linear(at_most=1e-9, x=1, y=1, z=1), **{n: {"type": "float", "low": 0.0, "high": 1.0} for n in "xyz"})
    assert sum(design_point(whole, 0, 3).values()) <= 1.1e-9  # type: ignore[arg-type]


def test_given_values_are_kept_and_those_that_leave_no_room_are_refused() -> None:
    whole = space(linear(at_most=1024, width=1, depth=64))
    assert complete_point(whole, {"depth": 15}, 0, 0)["width"] <= 64  # type: ignore[operator]
    with pytest.raises(InvalidInput, match=r"space_constraint\.0: width \+ 64 depth <= 1024 does not hold"):
        complete_point(whole, {"depth": 16, "width": 512}, 0, 0)


def test_every_point_and_the_size_of_a_small_space() -> None:
    whole = space(
        linear(at_most=3, a=1, b=1), a={"type": "int", "low": 0, "high": 3}, b={"type": "int", "low": 0, "high": 3}
    )
    points = list(every_point(whole))
    assert len(points) == whole.size() == 10
    taken: set[str] = set()
    for i in range(10):
        point = fresh_point(whole, 0, i, taken)
        assert point is not None
        taken.add(canonical_key(point))
    assert len(taken) == 10 and fresh_point(whole, 0, 10, taken) is None


def test_conditions_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(InvalidInput, match="no point of the space was found"):
        space(linear(at_most=100, width=1), linear(at_least=200, width=1, batch=0.5))


def test_a_space_is_kept_through_plain_data() -> None:
    whole = space(linear(at_most=1024, at_least=3, width=1, depth=64))
    assert SearchSpace.from_dict(whole.to_dict()) == whole
    assert str(whole.constraints[0]) == "width + 64 depth <= 1024 >= 3"
