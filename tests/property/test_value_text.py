"""A parameter's value is written so that it can be typed back, whatever is in it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.cells import clean
from tui.points import read_new, read_point
from tuned.cli.verbs.enqueue import _point
from tuned.core.errors import InvalidInput
from tuned.core.space import same_value
from tuned.core.space.text import read_for, read_value, terms, write_point, write_value

ODD = ["res net", "a,b", 'say "hi"', "it's", "🦙", "true", "1e3", "nan", "", " ", "#7", "@5", "x=1", "-1", "[1, 2",
       "a\\b", "null", "two\nlines", "١", "1_000", "\u202ertl", "a\u200bb"]  # fmt: skip
TEXTS = st.one_of(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), st.sampled_from(ODD))
VALUES = st.one_of(TEXTS, st.booleans(), st.integers(-(2**62), 2**62), st.floats(allow_nan=False, allow_infinity=False))
NAMES = st.from_regex(r"[A-Za-z_][\w.]{0,8}", fullmatch=True)


@given(VALUES)
def test_any_value_is_read_back(value: Any) -> None:
    text = write_value(value)
    assert same_value(read_value(text), value) and isinstance(read_value(text), type(value))
    assert terms(text) == ([text] if text.strip() else [])
    assert clean(text) == text, "a table prints it as it is typed"


@given(st.dictionaries(NAMES, VALUES, max_size=5))
def test_a_point_is_read_back_by_the_ui(point: dict[str, Any]) -> None:
    line = write_point(point)
    assert read_point(line, {}, {}) == point
    assert read_new(f"{line} @5", {}, {}) == (point, 5)


@given(st.lists(TEXTS, min_size=2, max_size=5, unique=True), st.data())
def test_a_choice_is_read_back_by_the_command_line(values: list[str], data: st.DataObject) -> None:
    """Quoted, as the UI and `tunectl trials` write it; bare, as a shell hands it over; and several between commas."""
    parameter = {"name": "net", "kind": "choice", "values": values}
    value = data.draw(st.sampled_from(values))
    assert read_for(parameter, write_value(value)) == value or write_value(value) in values
    assert read_for(parameter, value) == value
    assert _point([f"net={value}"], [parameter]) == {"net": value}
    quoted = ",".join(json.dumps(text, ensure_ascii=False) for text in values)
    if quoted not in values and not any(json.dumps(text, ensure_ascii=False) in values for text in values):
        assert _point([f"net={quoted}"], [parameter]) == {"net": values}


def test_an_open_quote_is_refused_with_a_remedy() -> None:
    with pytest.raises(InvalidInput, match="not closed") as caught:
        read_point('net="res net', {}, {})
    assert '"res net"' in str(caught.value)
    assert read_point("net='res net' lr=1e-3 amp=True", {}, {}) == {"net": "res net", "lr": 1e-3, "amp": True}


def test_numbers_and_words_keep_their_kind() -> None:
    choice = {"name": "n", "kind": "choice", "values": [8, "16", True]}
    assert [read_for(choice, text) for text in ("8", "8.0", "16", '"16"', "TRUE")] == [8, 8, "16", "16", True]
    with pytest.raises(InvalidInput, match="not one of"):
        read_for(choice, "32")
