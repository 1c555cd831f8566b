from __future__ import annotations

from pathlib import Path

import pytest

from tuned.daemon.files.log_cap import cap_log
from tuned.daemon.files.output import (
    cut_out,
    find_text,
    line_start,
    missing_output,
    output_size,
    read_before,
    read_output,
)
from tuned.protocol import OUTPUT_FILE

TEXT = "Epoche 1: größer ✓ 🎯\nzwei\n"


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    (tmp_path / OUTPUT_FILE).write_bytes(TEXT.encode())
    return tmp_path


def test_no_output_yet(tmp_path):
    assert read_output(tmp_path, 0, 100) == ("", 0)
    assert read_output(tmp_path, -50, 100) == ("", 0)
    assert read_output(tmp_path, 70, 100) == ("", 70)


def test_output_that_is_missing_says_why(run_dir: Path) -> None:
    assert missing_output(run_dir) == ""
    (run_dir / OUTPUT_FILE).unlink()
    assert missing_output(run_dir) == "its log was removed to free the disk"
    assert missing_output(run_dir / "gone") == "its run directory is gone"


@pytest.mark.parametrize("limit", [4, 5, 7, 1000])
def test_pieces_make_up_the_whole_and_cut_no_character(run_dir, limit):
    pieces, offset = [], 0
    while True:
        text, following = read_output(run_dir, offset, limit)
        if following == offset:
            break
        assert len(text.encode()) <= limit
        pieces.append(text)
        offset = following
    assert "".join(pieces) == TEXT
    assert "�" not in "".join(pieces)
    assert offset == len(TEXT.encode())


def test_the_last_bytes(run_dir):
    assert read_output(run_dir, -5, 100) == ("zwei\n", len(TEXT.encode()))
    assert read_output(run_dir, -10_000, 10_000) == (TEXT, len(TEXT.encode()))


def test_behind_the_end_there_is_nothing(run_dir):
    size = len(TEXT.encode())
    assert read_output(run_dir, size, 100) == ("", size)
    assert read_output(run_dir, size + 5, 100) == ("", size)


def test_what_is_no_text_is_replaced_and_passed(tmp_path):
    (tmp_path / OUTPUT_FILE).write_bytes(b"a\xff\xfeb")
    assert read_output(tmp_path, 0, 100) == ("a��b", 4)


def test_a_character_that_is_cut_off_for_good_does_not_hold_up_the_reader(tmp_path):
    (tmp_path / OUTPUT_FILE).write_bytes(b"end\xf0\x9f")
    text, offset = read_output(tmp_path, 0, 100)
    assert (text, offset) == ("end", 3)
    rest, offset = read_output(tmp_path, offset, 100)
    assert set(rest) == {"�"}
    assert offset == 5


def test_a_hole_is_a_word_and_not_a_stream_of_nuls(tmp_path):
    run_dir = tmp_path / "runs" / "s" / "1" / "1"
    run_dir.mkdir(parents=True)
    log = run_dir / "output.log"
    log.write_bytes(b"begin\n" + b"x" * 999_988 + b"\nend\n")
    length = cap_log(run_dir, cap=100_000, head=8192, tail=8192)
    text, offset = "", 0
    while True:
        piece, offset = read_output(run_dir, offset, 65536)
        if not piece:
            break
        text += piece
    assert text.startswith("begin\n") and text.endswith("x\nend\n")
    assert "\0" not in text
    assert f"[tuned: {length} bytes are cut out here" in text
    assert offset == 1_000_000 - 1
    assert cut_out(run_dir, 0, 2**62) == length == cut_out(run_dir, 0, offset - 5)
    assert cut_out(run_dir, 0, 8192) == 0 and 0 < cut_out(run_dir, 0, 100_000) < length


@pytest.mark.parametrize("limit", [1, 7, 64, 10_000])
def test_a_log_is_read_upwards_line_by_line(run_dir: Path, limit: int) -> None:
    whole = "".join(f"{i} {'é' * (i % 9)}\n" for i in range(60)) + "unfinished"
    (run_dir / "output.log").write_text(whole)
    at = begin = line_start(run_dir, output_size(run_dir) - 30)
    found = read_output(run_dir, begin, 1000)[0]
    while at:
        text, before = read_before(run_dir, at, limit)
        assert before < at and (text.endswith("\n") or limit < 30)
        found, at = (text if limit >= 30 else "") + found, before
    assert limit < 30 or found == whole


def test_a_text_is_found_in_either_direction(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuned.daemon.files.output._CHUNK", 64)
    lines = [f"line {i} " + "y" * (i % 50) for i in range(200)]
    lines[20], lines[150] = "an Oops here", "OOPS again"
    begins = {i: sum(len(line) + 1 for line in lines[:i]) for i in (20, 150)}
    (run_dir / "output.log").write_text("\n".join(lines))
    end = output_size(run_dir)
    assert find_text(run_dir, "oops", 0, False) == begins[20]
    assert find_text(run_dir, "oops", begins[20] + 12, False) == begins[150]
    assert find_text(run_dir, "oops", end, True) == begins[150]
    assert find_text(run_dir, "oops", begins[150], True) == begins[20]
    assert find_text(run_dir, "oops", begins[20], True) is None and find_text(run_dir, "nothing", 0, False) is None
