from __future__ import annotations

import pytest

from tuned.core.durations import parse_duration
from tuned.core.errors import InvalidInput
from tuned.core.names import check_study_name
from tuned.core.targets import Target, parse_target


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("digits", Target("digits")),
        ("digits/7", Target("digits", ((7, 7),))),
        ("digits/3-7", Target("digits", ((3, 7),))),
        ("digits/1,4-5", Target("digits", ((1, 1), (4, 5)))),
        ("digits/best", Target("digits", keyword="best")),
        ("d.2/running", Target("d.2", keyword="running")),
    ],
)
def test_targets(text: str, target: Target):
    assert parse_target(text) == target


def test_what_a_target_holds():
    target = parse_target("digits/1,4-5")
    assert [n for n in range(8) if target.includes(n)] == [1, 4, 5]
    assert not target.is_study and parse_target("digits").is_study and not parse_target("digits/best").is_study


@pytest.mark.parametrize(
    "text",
    ["", "/", "/7", "a/", "a/0", "a/7-3", "a/-1", "a/1-", "a/1--2", "a/bset", "A/1", "../x", "a/../b", "a/1/2", "a/1,",
     "a/99999999999", "a/²", "a b"],
)  # fmt: skip
def test_texts_that_name_nothing(text: str):
    with pytest.raises(InvalidInput) as caught:
        parse_target(text)
    assert caught.value.hint


def test_a_misspelt_keyword_is_suggested():
    with pytest.raises(InvalidInput, match="did you mean best"):
        parse_target("a/bset")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2h", 7200), ("30s", 30), ("1h30m", 5400), ("1d", 86400), ("1.5h", 5400), ("250ms", 0.25), (12, 12), (0, 0),
     ("1h 5min", 3900)],
)  # fmt: skip
def test_durations(text: object, seconds: float):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "soon", "2", "h", "1h30", "-1s", -1, float("nan"), float("inf"), True, None, "1x"]
)
def test_no_durations(text: object):
    with pytest.raises(ValueError, match="no length of time"):
        parse_duration(text)


def test_a_name_with_accents_proposes_the_one_without() -> None:
    with pytest.raises(InvalidInput, match="first: uni-netz"):
        check_study_name("\u00dcn\u00ef Netz")
