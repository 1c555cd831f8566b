from __future__ import annotations

import json
import random
from itertools import product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tuned.core.errors import InvalidInput
from tuned.core.space import Parameter, SearchSpace, Value, canonical_key, same_value

VALUES = st.one_of(
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([0.5, 1.0, 2.25, -0.0]),
    st.sampled_from(["", "a", "b", "1", "é"]),
)


def distinct(values: list[Value]) -> tuple[Value, ...]:
    kept: list[Value] = []
    for value in values:
        if not any(same_value(value, other) for other in kept):
            kept.append(value)
    return tuple(kept)


@st.composite
def finite_spaces(draw: st.DrawFn) -> SearchSpace:
    """Small spaces without floats, with conditions over any earlier parameter and several parents."""
    parameters: list[Parameter] = []
    for i in range(draw(st.integers(0, 5))):
        kind = draw(st.sampled_from(["int", "choice", "bool", "fixed"]))
        values: tuple[Value, ...] = ()
        low = high = None
        if kind == "int":
            low = draw(st.integers(-2, 2))
            high = low + draw(st.integers(0, 2))
        elif kind == "choice":
            values = distinct(draw(st.lists(VALUES, min_size=1, max_size=3)))
        else:
            values = (False, True) if kind == "bool" else (draw(VALUES),)
        when = []
        for parent in parameters:
            if draw(st.integers(0, 2)) == 0:
                known = parent.values or tuple(range(int(parent.low or 0), int(parent.high or 0) + 1))
                when.append((parent.name, tuple(draw(st.lists(st.sampled_from(known), min_size=1, max_size=2)))))
        parameters.append(Parameter(f"p{i}", kind, low, high, values=values, when=tuple(when)))
    return SearchSpace(tuple(parameters))


def every_assignment(space: SearchSpace) -> list[dict[str, Value]]:
    """All assignments, parameters left out included: what `check` has to sort into points and others."""
    choices = [[None, *(p.values or range(int(p.low or 0), int(p.high or 0) + 1))] for p in space.parameters]
    return [
        {name: value for name, value in zip(space.names, values, strict=True) if value is not None}
        for values in product(*choices)
    ]


@given(finite_spaces())
@settings(max_examples=120)
def test_size_is_the_number_of_points_that_check_accepts(space: SearchSpace):
    points: dict[str, Any] = {}
    for values in every_assignment(space):
        try:
            point = space.check(values)
        except InvalidInput:
            continue
        points[canonical_key(point)] = point
        assert space.check(point) == point
        assert [name for name in space.names if name in point] == list(point)
        for parameter in space.parameters:
            assert (parameter.name in point) == parameter.is_active(point)
    assert space.size() == len(points)
    # Different points never share a key: their values differ in some parameter.
    for key, point in points.items():
        assert canonical_key(json.loads(json.dumps(point))) == key


@given(finite_spaces())
@settings(max_examples=100)
def test_a_space_survives_json(space: SearchSpace):
    again = SearchSpace.from_dict(json.loads(json.dumps(space.to_dict())))
    assert again == space
    assert json.dumps(again.to_dict()) == json.dumps(space.to_dict())
    assert again.size() == space.size()


@given(st.dictionaries(st.text(max_size=4), VALUES | st.floats(allow_nan=False, allow_infinity=False), max_size=6))
def test_a_key_is_stable(point: dict[str, Value]):
    shuffled = list(point.items())
    random.Random(1).shuffle(shuffled)
    assert canonical_key(dict(shuffled)) == canonical_key(point)
    assert canonical_key(json.loads(canonical_key(point))) == canonical_key(point)


NUMBERS = st.one_of(
    st.integers(), st.floats(), st.integers(10**300, 10**310), st.booleans(), st.none(), st.text(max_size=3)
)


@given(NUMBERS, st.sampled_from(["float", "int"]))
def test_a_cast_is_inside_the_bounds_or_refused(value: object, kind: Any):
    parameter = Parameter("x", kind, -5, 1000)
    try:
        cast = parameter.cast(value)
    except InvalidInput as error:
        assert error.where == "space.x"
        return
    assert -5 <= cast <= 1000  # type: ignore[operator]
    assert type(cast) is (float if kind == "float" else int)
    assert cast == value
    assert parameter.cast(cast) == cast
