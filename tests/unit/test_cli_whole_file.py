"""What verbs write for the user: whole or not at all, and never in the place of a device, a pipe or a link."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from tests.patience import DEADLINE_S
from tuned.cli.whole_file import write_whole
from tuned.core.errors import InvalidInput


def test_a_file_keeps_its_mode_and_a_link_its_target(tmp_path: Path) -> None:
    target, link = tmp_path / "real.csv", tmp_path / "link.csv"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    write_whole(link, "new", "-o")
    assert link.is_symlink() and target.read_text() == "new"
    assert target.stat().st_mode & 0o777 == 0o640
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["link.csv", "real.csv"]


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    pipe, read = tmp_path / "pipe", list[str]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write_whole(pipe, "all of it", "-o")
    reader.join(DEADLINE_S)
    assert read == ["all of it"] and pipe.is_fifo()


@pytest.mark.parametrize(
    ("place", "what"),
    [(".", "is a folder"), ("/proc/x.csv", "cannot write /proc/x.csv")],
)
def test_what_cannot_be_written_is_one_line(tmp_path: Path, place: str, what: str) -> None:
    with pytest.raises(InvalidInput, match=f"^-o: .*{what}"):
        write_whole(tmp_path / place, "text", "-o")


def test_the_folder_of_a_file_is_made(tmp_path: Path) -> None:
    write_whole(tmp_path / "of" / "mine" / "x.csv", "text", "-o")
    assert (tmp_path / "of" / "mine" / "x.csv").read_text() == "text"
