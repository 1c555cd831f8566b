from __future__ import annotations

from pathlib import Path

import pytest

from tuned.daemon.files.log_cap import cap_log
from tuned.daemon.files.output import read_output
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
