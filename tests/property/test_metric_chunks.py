from __future__ import annotations

import json
import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tuned.core.trials.metric_lines import Chunk, parse_chunk

NAMES = st.sampled_from(
    ["a", "b", "loss", "sdk", "stop_seen", "checkpoint", "_mark", "step", "_time", "é", ""]
) | st.text(max_size=3)
ATOMS = st.one_of(
    st.floats(),
    st.integers(),
    st.integers(10**300, 10**320),
    st.booleans(),
    st.none(),
    st.sampled_from(["nan", "inf", "-Infinity", "1e5", "1_0", "x", "\ud800", "\x00"]),
)
JSON = st.recursive(
    ATOMS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=5
)
RECORDS = st.dictionaries(NAMES, JSON, max_size=4).map(json.dumps).map(str.encode)
LINES = st.one_of(
    RECORDS,
    RECORDS,
    RECORDS.flatmap(lambda line: st.integers(0, len(line)).map(lambda end: line[:end])),
    st.builds(lambda n, line: b"\0" * n + line, st.integers(0, 5), RECORDS),
    st.binary(max_size=12),
    st.sampled_from(
        [
            b"",
            b"\r",
            b"null",
            b"[" * 3000,
            b'{"a":' * 3000,
            b'{"a":1,"a":2}',
            b'{"a":' + b"9" * 5000 + b"}",
            b"\xff\xfe{\0",
        ]
    ),
    st.floats(-1e6, 1e6).map(lambda v: f'{{"loss": {v}}}'.encode()),
)
FILES = st.builds(
    lambda lines, tail: b"".join(line + b"\n" for line in lines) + tail, st.lists(LINES, max_size=12), LINES
)


def key(chunk: Chunk) -> tuple[Any, ...]:
    """Comparable also with NaNs in it."""
    return (repr(chunk.observations), chunk.bad, chunk.consumed, chunk.sdk, chunk.stop_seen, chunk.resumable)


def read_in_pieces(data: bytes, cuts: list[int], steps: dict[str, int], begin: int) -> Chunk:
    """As a reader does that looks while the file grows: from what is consumed up to what is there."""
    total = Chunk()
    for end in [*sorted(cuts), len(data)]:
        part = parse_chunk(data[total.consumed : max(total.consumed, end)], begin + total.consumed, steps)
        total.observations += part.observations
        total.bad += part.bad
        total.consumed += part.consumed
        total.sdk |= part.sdk
        total.stop_seen |= part.stop_seen
        total.resumable |= part.resumable
    return total


@given(FILES, st.lists(st.integers(0, 400), max_size=8), st.integers(0, 2**40))
@settings(max_examples=400)
def test_however_a_file_is_cut_it_says_the_same(data: bytes, cuts: list[int], begin: int):
    whole_steps: dict[str, int] = {"a": 3}
    cut_steps = dict(whole_steps)
    whole = parse_chunk(data, begin, whole_steps)
    pieces = read_in_pieces(data, [min(c, len(data)) for c in cuts], cut_steps, begin)
    assert key(pieces) == key(whole)
    assert cut_steps == whole_steps


@given(FILES, st.integers(0, 2**40))
@settings(max_examples=300)
def test_what_comes_out_can_be_stored(data: bytes, begin: int):
    chunk = parse_chunk(data, begin, {})
    assert chunk.consumed == data.rfind(b"\n") + 1
    for name, step, value, time in chunk.observations:
        name.encode()
        assert type(step) is float
        assert math.isfinite(step)
        assert type(value) is float
        assert time is None or math.isfinite(time)
    for offset, text in chunk.bad:
        text.encode()
        assert begin <= offset < begin + chunk.consumed
        assert offset == begin or data[offset - begin - 1 : offset - begin] == b"\n"


@given(FILES, FILES)
@settings(max_examples=150)
def test_a_line_takes_the_next_step_of_its_name_also_in_another_piece(first: bytes, second: bytes):
    steps: dict[str, int] = {}
    for data in (first, second):
        before = dict(steps)
        chunk = parse_chunk(data, 0, steps)
        assert all(steps[name] >= count for name, count in before.items())
        for name, step, _, _ in chunk.observations:
            assert steps[name] > step


@given(
    st.lists(
        st.tuples(
            st.integers(-10, 10**6), st.dictionaries(st.text("abc", min_size=1, max_size=2), st.floats(), min_size=1)
        )
    )
)
def test_what_was_written_is_what_is_read(rows: list[tuple[int, dict[str, float]]]):
    data = b"".join(json.dumps({"step": step, **values}).encode() + b"\n" for step, values in rows)
    chunk = parse_chunk(data, 0, {})
    assert chunk.bad == []
    wanted = [(name, float(step), value, None) for step, values in rows for name, value in values.items()]
    assert repr(chunk.observations) == repr(wanted)
