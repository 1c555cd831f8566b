"""What counts as a save that is under way, and the copy of what was saved."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tuned.launch import saving


def writes(folder: Path, later: float = 0.0) -> bool:
    return saving.writing([os.getpid()], [str(folder)], time.time() + later)


@pytest.mark.parametrize(
    ("name", "mode", "save"),
    [
        ("model.pt", "wb", True),
        ("model.pt", "r+b", True),
        ("inner/model.pt", "wb", True),
        ("model.pt", "rb", False),
        ("model.pt", "ab", False),
        ("train.log", "wb", False),
        ("events.out.tfevents.1", "wb", False),
        ("../model.pt", "wb", False),
    ],
)
def test_a_file_below_the_folder_that_is_open_for_writing(tmp_path: Path, name: str, mode: str, save: bool) -> None:
    folder = tmp_path / "checkpoint"
    (folder / "inner").mkdir(parents=True)
    path = folder / name
    path.write_bytes(b"old")
    with path.open(mode):
        assert writes(folder) is save
        assert not writes(folder, later=2 * saving.IDLE), "nobody has written to it for long"
    assert not writes(folder)


def test_what_is_saved_is_copied_whole_in_place_of_the_copy_before(tmp_path: Path) -> None:
    folder, copy = tmp_path / "checkpoint", tmp_path / "checkpoint.copy"
    (folder / "step-1").mkdir(parents=True)
    assert not saving.keep_copy(str(folder), str(copy)), "nothing is saved yet"
    (folder / "step-1/model.pt").write_bytes(b"one")
    os.utime(folder / "step-1/model.pt", (5, 5))
    (folder / "last").symlink_to("step-1")
    os.mkfifo(folder / "pipe")
    assert saving.keep_copy(str(folder), str(copy))
    (folder / "step-1/model.pt").write_bytes(b"")
    assert (copy / "last/model.pt").read_bytes() == b"one" and (copy / "last").is_symlink()
    assert (copy / "step-1/model.pt").stat().st_mtime == 5
    (folder / "step-1/model.pt").write_bytes(b"two")
    assert saving.keep_copy(str(folder), str(copy))
    assert (copy / "step-1/model.pt").read_bytes() == b"two"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint", "checkpoint.copy"]


def test_what_is_too_large_is_not_copied_and_the_copy_before_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, copy = tmp_path / "checkpoint", tmp_path / "checkpoint.copy"
    folder.mkdir()
    (folder / "model.pt").write_bytes(b"one")
    assert saving.keep_copy(str(folder), str(copy))
    (folder / "model.pt").write_bytes(b"longer")
    monkeypatch.setattr(saving, "MOST_BYTES", 5)
    assert not saving.keep_copy(str(folder), str(copy))
    assert (copy / "model.pt").read_bytes() == b"one"
