from __future__ import annotations

import math

import pytest

from tuned.core.trials.metric_lines import BAD_TEXT, LONGEST_LINE, Chunk, parse_chunk
from tuned.protocol import encode_line


def parse(data: bytes, offset: int = 0, steps: dict[str, int] | None = None) -> Chunk:
    return parse_chunk(data, offset, {} if steps is None else steps)


def test_a_line_with_step_and_time():
    chunk = parse(b'{"step": 3, "loss": 0.5, "acc": 1, "_time": 17.5}\n')
    assert chunk.observations == [("loss", 3.0, 0.5, 17.5), ("acc", 3.0, 1.0, 17.5)]
    assert chunk.bad == []
    assert not (chunk.sdk or chunk.stop_seen or chunk.resumable)


def test_lines_without_a_step_count_for_each_name():
    steps: dict[str, int] = {}
    chunk = parse(b'{"a": 1}\n{"a": 2, "b": 9}\n{"step": 10, "a": 3}\n{"a": 4, "step": null}\n', 0, steps)
    assert [(n, s) for n, s, _, _ in chunk.observations] == [("a", 0), ("a", 1), ("b", 0), ("a", 10), ("a", 11)]
    assert steps == {"a": 12, "b": 1}


def test_a_step_that_goes_back_does_not_wind_the_count_back():
    steps: dict[str, int] = {}
    chunk = parse(b'{"a": 1, "step": 7}\n{"a": 1, "step": 2}\n{"a": 1, "step": -3}\n{"a": 1}\n', 0, steps)
    assert [s for _, s, _, _ in chunk.observations] == [7, 2, -3, 8]


def test_a_fractional_step_is_kept():
    assert parse(b'{"a": 1, "step": 2.5}\n{"a": 1}\n').observations == [("a", 2.5, 1.0, None), ("a", 3.0, 1.0, None)]


def test_marks_are_no_observations():
    chunk = parse(b'{"sdk":1}\n{"stop_seen":true}\n{"checkpoint":1}\n{"_mark":"x"}\n')
    assert (chunk.sdk, chunk.stop_seen, chunk.resumable) == (True, True, True)
    assert chunk.observations == []
    assert chunk.bad == []


def test_a_mark_beside_other_keys_is_a_metric():
    chunk = parse(b'{"sdk": 1, "loss": 2}\n')
    assert not chunk.sdk
    assert [o[0] for o in chunk.observations] == ["sdk", "loss"]


def test_a_torn_tail_waits():
    whole, torn = b'{"a": 1}\n', b'{"a": 2'
    chunk = parse(whole + torn)
    assert chunk.consumed == len(whole)
    assert len(chunk.observations) == 1
    assert parse(torn) == Chunk()
    assert parse(b"") == Chunk()


def test_a_line_that_was_torn_and_written_again_costs_one_bad_line():
    chunk = parse(b'{"a": 1\n{"a": 1}\n')
    assert chunk.bad == [(0, '{"a": 1')]
    assert chunk.observations == [("a", 0.0, 1.0, None)]


def test_offsets_of_bad_lines_are_places_in_the_file():
    chunk = parse(b'{"a": 1}\nnope\n\n{"a": "x"}\n', offset=1000)
    assert chunk.bad == [(1009, "nope"), (1015, '{"a": "x"}')]


@pytest.mark.parametrize("text", ["nan", "NaN", "inf", "-inf", "Infinity", "-Infinity"])
def test_values_that_are_not_finite_arrive_however_they_are_spelled(text):
    for line in (f'{{"a": "{text}"}}\n', f'{{"a": {text}}}\n'):
        chunk = parse(line.encode())
        if chunk.bad:
            assert '"' + text not in line  # bare nan and inf are no JSON
            continue
        ((_, _, value, _),) = chunk.observations
        assert not math.isfinite(value)


@pytest.mark.parametrize(
    "line",
    [
        b"nope",
        b"[1, 2]",
        b"3",
        b'"text"',
        b"null",
        b'{"a": 1',
        b'{"a": 1}}',
        b'{"a": 1}{"a": 2}',
        b'{"a": tru}',
        b'\xff\xfe{"a": 1}',
        b'{"a": "\xff"}',
        b'{"\xc3": 1}',
        b'{"a": true}',
        b'{"a": null}',
        b'{"a": [1]}',
        b'{"a": {"b": 1}}',
        b'{"a": "high"}',
        b'{"a": ""}',
        b'{"a": 1, "step": "three"}',
        b'{"a": 1, "step": true}',
        b'{"a": 1, "step": "nan"}',
        b'{"a": 1, "step": Infinity}',
        b'{"a": 1, "step": 1e999}',
        b'{"a": 1, "step": []}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": ' + b"9" * 400 + b"}",
        b'{"a": 1, "step": ' + b"9" * 400 + b"}",
        b'{"\\ud800": 1}',
        b'{"\xed\xa0\x80": 1}',
    ],
    ids=lambda line: repr(line[:30]),
)
def test_a_line_that_cannot_be_read_is_kept_as_such_and_harms_no_other(line):
    good = b'{"b": 1}\n'
    chunk = parse(good + line + b"\n" + good)
    assert chunk.observations == [("b", 0.0, 1.0, None), ("b", 1.0, 1.0, None)]
    ((offset, text),) = chunk.bad
    assert offset == len(good)
    assert text == line[:BAD_TEXT].decode("utf-8", "replace")
    assert chunk.consumed == 2 * len(good) + len(line) + 1


def test_one_bad_value_does_not_spoil_its_neighbours():
    chunk = parse(b'{"a": 1, "b": "x", "c": 2, "d": null}\n')
    assert [o[0] for o in chunk.observations] == ["a", "c"]
    assert len(chunk.bad) == 2


def test_a_moment_that_is_not_finite_is_no_time():
    for text in (b'"nan"', b"Infinity", b"1e999"):
        assert parse(b'{"a": 1, "_time": ' + text + b"}\n").observations == [("a", 0.0, 1.0, None)]


def test_of_a_repeated_key_the_last_value_holds():
    assert parse(b'{"a": 1, "a": 2}\n').observations == [("a", 0.0, 2.0, None)]


def test_nuls_that_a_power_cut_left_are_skipped():
    chunk = parse(b"\0" * 40 + b'{"a": 1}\n' + b"\0" * 7 + b"\n" + b'{"a": 2}\n' + b"\0" * 99)
    assert [o[2] for o in chunk.observations] == [1.0, 2.0]
    assert chunk.bad == []


def test_empty_lines_and_windows_line_ends_are_harmless():
    chunk = parse(b'\n  \n\r\n{"a": 1}\r\n')
    assert chunk.observations == [("a", 0.0, 1.0, None)]
    assert chunk.bad == []


def test_huge_but_readable_numbers():
    chunk = parse(b'{"a": 1e308, "b": 1' + b"0" * 300 + b', "c": 1e999, "step": 1e15}\n')
    assert chunk.bad == []
    assert [o[2] for o in chunk.observations] == [1e308, 1e300, math.inf]


def test_a_line_that_never_ends_is_given_up_so_that_the_file_goes_on():
    endless = b"x" * LONGEST_LINE
    chunk = parse(endless, offset=5)
    assert chunk.consumed == LONGEST_LINE
    assert chunk.bad == [(5, "x" * BAD_TEXT)]
    assert parse(endless[:-1]).consumed == 0
    assert parse(b'{"a": 1}\n' + endless).consumed == 9


def test_what_the_writing_side_encodes_is_what_is_read():
    chunk = parse(encode_line({"step": 1, "a": "nan", "ü": 2.5}))
    assert [o[0] for o in chunk.observations] == ["a", "ü"]


@pytest.mark.parametrize("time", [b'"soon"', b"[]", b"-" + b"9" * 400])
def test_a_time_that_is_none_costs_no_metric(time):
    chunk = parse(b'{"step": 3, "a": 1, "_time": %s}\n' % time)
    assert chunk.observations == [("a", 3.0, 1.0, None)]
    assert len(chunk.bad) == 1


def test_steps_too_large_for_a_float_count_on():
    lines = b"".join(b'{"step": %d, "a": %d}\n' % (2**53 + i, i) for i in range(3))
    chunk = parse(lines)
    assert chunk.observations == [("a", float(i), float(i), None) for i in range(3)]
    assert len(chunk.bad) == 3


@pytest.mark.parametrize("step", [2**53, 2**53 + 1, 10**30, 1e30])
def test_a_step_like_its_neighbour_replaces_no_value(step):
    largest = 2**53 - 1
    chunk = parse(b'{"step": %d, "a": 0.4}\n' % largest + encode_line({"step": step, "a": 0.1, "b": 0.2}))
    assert chunk.observations == [("a", float(largest), 0.4, None), ("b", 0.0, 0.2, None)]
    assert chunk.bad


def test_a_count_of_steps_ends_where_steps_end():
    chunk = parse(b'{"step": %d, "a": 0}\n{"a": 1}\n{"a": 2, "b": 3}\n' % (2**53 - 1))
    assert chunk.observations == [("a", 2.0**53 - 1, 0.0, None), ("b", 0.0, 3.0, None)]
    assert len(chunk.bad) == 2


def test_the_last_line_of_all_needs_no_newline():
    steps: dict[str, int] = {}
    data = b'{"a": 1}\n{"a": 2}'
    assert parse_chunk(data, 0, {}).consumed == 9
    chunk = parse_chunk(data, 0, steps, final=True)
    assert [value for _, _, value, _ in chunk.observations] == [1.0, 2.0]
    assert chunk.consumed == len(data)
    torn = parse_chunk(data[:-1], 0, {}, final=True)
    assert [value for _, _, value, _ in torn.observations] == [1.0]
    assert torn.bad == [(9, '{"a": 2')]
