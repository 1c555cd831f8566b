"""Numbers, lengths of time, sizes and counts read alike wherever a person meets them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui import format as tui_format
from tuned.analyses import table
from tuned.core import words
from tuned.core.durations import parse_duration
from tuned.core.sizes import parse_size
from tuned.core.state_words import told


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (3, "3"), (3.0, "3"), (0.123456789, "0.12346"), (1e-7, "1e-07"), (2.5e9, "2.5e+09"), ("nan", "nan"),
     (-0.0, "0"), (float("inf"), "inf"), (float("nan"), "nan"), (12_345_678, "12345678")],
)  # fmt: skip
def test_numbers(value: float | None, text: str) -> None:
    assert words.number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.012294, "0.01229"), (3.1e-5, "3.10e-05"), (0.5, "0.5000"), (12345.6, "12346"), (2e8, "2.00e+08")],
)
def test_numbers_in_a_column_fill_their_digits(value: float, text: str) -> None:
    assert words.number(value, 4, aligned=True) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (math.inf, "-"), (-1, "0.0s"), (0, "0.0s"), (0.0032, "3.2ms"), (0.25, "250ms"), (1.04, "1.0s"),
     (9.94, "9.9s"), (9.97, "10s"),
     (12.4, "12s"), (59.9, "1m 00s"), (61, "1m 01s"), (3599.7, "1h 00m"), (3700, "1h 01m"), (90_000, "1d 01h")],
)  # fmt: skip
def test_lengths_of_time(seconds: float | None, text: str) -> None:
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("state", "reason", "text"),
    [
        ("✂ pruned", "pruned by you", "✂ pruned by you"),
        ("‖ PAUSED", "paused by you", "‖ PAUSED by you"),
        ("its study is paused", "paused by you", "its study is paused by you"),
        ("stopped", "cancelled by you", "stopped: cancelled by you"),
        ("✗ failed", "error: exit code 3", "✗ failed: error: exit code 3"),
        ("failed", "failedness", "failed: failedness"),
        ("completed", "", "completed"),
    ],
)
def test_a_reason_does_not_repeat_its_state(state: str, reason: str, text: str) -> None:
    assert told(state, reason) == text


def test_an_hour_reads_the_same_in_every_front_end() -> None:
    assert table.show(3700.0, "seconds") == words.duration(3700.0) == "1h 01m"
    assert table.show(3 * 2**30, "bytes") == words.size(3 * 2**30) == "3.0 GiB"
    assert tui_format.number(0.9829) == words.number(0.9829, 4) == table.number(0.9829)


@given(st.floats(0.001, 1e7))
def test_a_length_of_time_can_be_typed_back(seconds: float) -> None:
    back = parse_duration(words.duration(seconds))
    assert back == pytest.approx(seconds, rel=0.05)


@pytest.mark.parametrize(
    ("count", "text"),
    [(None, "-"), (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (340 * 2**20, "340 MiB"), (2**30 - 1, "1.0 GiB"),
     (3 << 40, "3.0 TiB")],
)  # fmt: skip
def test_sizes(count: int | None, text: str) -> None:
    assert words.size(count) == text
    if count is not None:
        assert parse_size(text.replace(" ", "")) == pytest.approx(count, rel=0.01)


def test_a_part_of_a_size_is_in_its_unit() -> None:
    assert words.size_of(300 * 2**20, 80 * 2**30) == "0/80 GiB"
    assert words.size_of(61.4 * 2**30, 80 * 2**30) == "61/80 GiB"


@pytest.mark.parametrize(
    ("many", "noun", "text"),
    [(1, "trial", "1 trial"), (0, "trial", "0 trials"), (2, "study", "2 studies"), (2, "day", "2 days"),
     (3, "batch", "3 batches"), (2, "process", "2 processes")],
)  # fmt: skip
def test_counts(many: int, noun: str, text: str) -> None:
    assert words.count(many, noun) == text


def test_a_verb_agrees_with_its_number() -> None:
    assert [words.does(many, "trial", "runs", "run") for many in (0, 1, 2)] == [
        "0 trials run", "1 trial runs", "2 trials run",
    ]  # fmt: skip
    assert (words.known(3, "queued"), words.known(None, "queued")) == ("3 queued", "queued unknown")


@pytest.mark.parametrize(("seconds", "text"), [(1.0, "1s"), (90.0, "90s"), (5400.0, "90m"), (31 * 86400.0, "31d")])
def test_a_bound_of_time_is_written_as_it_would_be_typed(seconds: float, text: str) -> None:
    assert words.length(seconds) == text
    assert parse_duration(words.length(seconds)) == seconds
