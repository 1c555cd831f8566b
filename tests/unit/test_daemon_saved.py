"""Which checkpoint a trial goes on from."""

from __future__ import annotations

import os
from pathlib import Path

from tuned.daemon.files.saved import newest


def save(folder: Path, name: str, at: float, **files: str) -> Path:
    path = folder / name
    path.mkdir()
    for file, text in files.items():
        (path / file).write_text(text)
        os.utime(path / file, (at, at))
    os.utime(path, (at, at))
    return path


def test_the_newest_folder_that_has_all_files_of_the_one_before(tmp_path: Path) -> None:
    assert newest(str(tmp_path / "checkpoint-*")) is None
    first = save(tmp_path, "checkpoint-900", 10, weights="1", state="1")
    assert newest(str(tmp_path / "checkpoint-*")) == first
    second = save(tmp_path, "checkpoint-1000", 10, weights="1", state="1")
    assert newest(str(tmp_path / "checkpoint-*")) == second
    half = save(tmp_path, "checkpoint-1100", 20, weights="1")
    assert newest(str(tmp_path / "checkpoint-*")) == second
    (half / "state").touch()
    assert newest(str(tmp_path / "checkpoint-*")) == second
    (half / "state").write_text("1")
    assert newest(str(tmp_path / "checkpoint-*")) == half
    save(tmp_path, "checkpoint-1200", 30)
    assert newest(str(tmp_path / "checkpoint-*")) == half


def test_an_empty_file_is_no_checkpoint(tmp_path: Path) -> None:
    folder = tmp_path / "odd [name]"
    folder.mkdir()
    last = folder / "last.pt"
    assert newest(str(last)) is None
    last.touch()
    assert newest(str(last)) is None
    last.write_text("1")
    assert newest(str(last)) == last
    assert newest(str(folder / "*.pt")) == last
