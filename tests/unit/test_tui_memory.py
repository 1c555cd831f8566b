from __future__ import annotations

from pathlib import Path

import pytest

from tui.memory import FILE, Memory, load, save


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    memory = Memory(theme="nord", sort="lr", descending=True, log_axis=True, hidden={"s": ["lr"]})
    save(tmp_path, memory)
    assert load(tmp_path) == memory
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"sort": 3, "hidden": "x", "log_axis": "y", "unknown": 1}'])
def test_a_damaged_file_gives_the_defaults(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    assert load(tmp_path) == Memory()


def test_a_folder_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    save(tmp_path / "absent", Memory())
    assert load(tmp_path / "absent") == Memory() == load(None)


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "tui.json").mkdir()
    save(tmp_path, Memory())
    assert [path.name for path in tmp_path.iterdir()] == ["tui.json"]
