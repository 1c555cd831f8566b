from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tuned.core.errors import InvalidInput
from tuned.core.program.arguments import ArgumentContext, render
from tuned.core.search.design import complete_point, design_point
from tuned.core.space import SearchSpace
from tuned.core.space.unit import Scale, place, value_at
from tuned.core.study import RunSpec, SearchSpec, StudySpec
from tuned.core.study_file.reading import read_tables
from tuned.core.study_file.space_file import parse_space
from tuned.core.targets import parse_target

FLOATS = st.floats(-1e6, 1e6, allow_nan=False)


@st.composite
def spaces(draw: st.DrawFn) -> SearchSpace:
    """Valid spaces of up to six parameters, some of them conditional, some over two generations."""
    table: dict[str, Any] = {}
    choices: dict[str, list[Any]] = {}
    for i in range(draw(st.integers(1, 6))):
        name, kind = f"p{i}", draw(st.sampled_from(["float", "int", "choice", "bool", "fixed"]))
        entry: dict[str, Any] = {"type": kind}
        if kind == "float":
            low = draw(st.floats(1e-9, 1e6))
            entry |= {"low": low, "high": low * draw(st.floats(1.001, 1e6)), "log": draw(st.booleans())}
        elif kind == "int":
            low = draw(st.integers(1, 1000))
            entry |= {"low": low, "high": low + draw(st.integers(1, 10**6)), "log": draw(st.booleans())}
        elif kind == "choice":
            entry["values"] = draw(st.lists(st.sampled_from("abcdefg"), min_size=2, max_size=5, unique=True))
            choices[name] = entry["values"]
        elif kind == "fixed":
            entry["value"] = draw(st.one_of(st.integers(-9, 9), st.text("xyz", min_size=1), FLOATS, st.booleans()))
        else:
            choices[name] = [False, True]
        parents = [parent for parent in choices if parent != name]
        if parents and draw(st.booleans()):
            parent = draw(st.sampled_from(parents))
            entry["when"] = {parent: draw(st.sampled_from(choices[parent]))}
        table[name] = entry
    return parse_space(dict(draw(st.permutations(list(table.items())))))


@given(spaces(), st.integers(0, 2**32 - 1), st.integers(0, 2**31), st.sampled_from(["sobol", "random"]))
@settings(max_examples=150)
def test_design_points_are_points_of_the_space(space: SearchSpace, seed: int, i: int, method: Any):
    point = design_point(space, seed, i, method)
    assert space.check(point) == point
    assert json.loads(json.dumps(point)) == point
    assert SearchSpace.from_dict(json.loads(json.dumps(space.to_dict()))) == space


@given(spaces(), st.data())
@settings(max_examples=100)
def test_any_part_of_a_point_can_be_completed(space: SearchSpace, data: st.DataObject):
    whole = design_point(space, 1, data.draw(st.integers(0, 500)))
    part = {name: whole[name] for name in whole if data.draw(st.booleans())}
    completed = complete_point(space, part, 2, data.draw(st.integers(0, 500)))
    assert space.check(completed) == completed
    assert {name: completed[name] for name in part} == part


@given(spaces(), st.integers(0, 1000), st.text(max_size=12))
@settings(max_examples=100)
def test_one_item_stays_one_argument(space: SearchSpace, i: int, text: str):
    literal = text.replace("{", "{{").replace("}", "}}")
    items = (literal, *((f"--{name}", f"{{{name}}}") for name in space.names))
    spec = StudySpec("s", RunSpec("script", args=items), SearchSpec(), space)
    point = design_point(space, 0, i)
    arguments = render(spec, ArgumentContext(point, 1, 2, "s", 1, "main", "/r", "/c"))
    assert arguments[0] == text
    assert arguments[1::2] == [f"--{name}" for name in point]
    assert len(arguments) == 1 + 2 * len(point)


WORDS = st.one_of(
    st.sampled_from(
        [
            "run",
            "space",
            "search",
            "objective",
            "metrics",
            "script",
            "command",
            "args",
            "trials",
            "type",
            "low",
            "high",
            "values",
            "when",
            "float",
            "choice",
            "name",
            "resources",
            "gpus",
            "env",
            "patterns",
            "point",
            "summary",
        ]
    ),
    st.text(max_size=3),
)
JUNK = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=4)),
    max_leaves=8,
)


@given(st.dictionaries(WORDS, JUNK, max_size=5))
@settings(max_examples=400)
def test_junk_is_refused_in_one_line(data: dict[str, Any]):
    for read in (read_tables, parse_space):
        try:
            read(data)
        except InvalidInput as error:
            assert len(error.what) < 2000


@given(st.text(max_size=20))
def test_junk_targets(text: str):
    try:
        target = parse_target(text)
    except InvalidInput:
        return
    assert "/" not in target.study and ".." not in target.study


@given(spaces(), st.floats(0.0, 1.0))
@settings(max_examples=200)
def test_a_place_and_its_value_are_one(space: SearchSpace, unit: float) -> None:
    """Down to a place and back: the value stays, whatever the scale, the width and the kind of a parameter."""
    for parameter in space.tunable:
        value = value_at(parameter, unit)
        assert parameter.cast(value) == value
        there = place(parameter, value)
        if there is None:
            assert parameter.kind == "choice" and not parameter.ordered
            continue
        assert -1e-9 <= there <= 1 + 1e-9
        if parameter.kind in ("float", "int"):
            assert value_at(parameter, there) == pytest.approx(value, rel=1e-9)


@given(st.floats(-1e300, 1e300), st.floats(1e-300, 1e300), st.floats(0.0, 1.0), st.booleans())
def test_any_range_has_a_unit_interval(low: float, width: float, unit: float, log: bool) -> None:
    low = abs(low) + 1e-300 if log else low
    assume(low < low + width < math.inf)
    scale = Scale(low, low + width, log)
    assert scale.unit(low) == 0 and scale.unit(low + width) == pytest.approx(1.0)
    assert low <= scale.value(unit) * (1 + 1e-12) + abs(low) * 1e-12
    assert scale.value(1.0) == pytest.approx(low + width, rel=1e-9)
