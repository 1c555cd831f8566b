"""Text that cannot be stored or sent is refused with its place."""

from __future__ import annotations

from typing import Any

import pytest

from tuned.core.errors import InvalidInput
from tuned.core.text import check_encodable, printable

ODD = b"/data/\xff".decode("utf-8", "surrogateescape")


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ({"run": {"cwd": ODD}}, "run.cwd"),
        ({"search": {"point": [{"label": ODD}]}}, "search.point.label"),
        ({ODD: 1}, "study"),
        ([1, None, ODD], "study"),
    ],
)
def test_a_text_that_is_no_utf8_is_refused_with_its_place(value: Any, where: str):
    with pytest.raises(InvalidInput, match="is not UTF-8 text") as caught:
        check_encodable(value, "")
    assert caught.value.where == where
    str(caught.value).encode()


def test_every_other_text_passes():
    check_encodable({"ünï": ["[bold]", "日本", 1, None, True, 0.5]}, "")


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07x", "x"),
        ("a\tb\x08", "a b"),
        ("日本 [bold]", "日本 [bold]"),
    ],
)
def test_what_a_terminal_obeys_is_taken_out(line: str, shown: str):
    assert printable(line) == shown
