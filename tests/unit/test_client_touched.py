"""Which files a run has changed, seen by two looks at folders."""

from __future__ import annotations

import os
from pathlib import Path

from tuned.client.touched import Touched, compare, folders_named, outermost, picture


def test_new_changed_and_removed(tmp_path: Path) -> None:
    state = tmp_path / "state"
    for folder in ("project/sub", "project/.git", "project/__pycache__", "state"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("project/kept", "project/sub/changed", "project/removed", "project/.git/index"):
        (tmp_path / name).write_text("a")
    os.utime(tmp_path / "project/sub/changed", ns=(1, 1))
    (tmp_path / "project/dangling").symlink_to("nowhere")
    before = picture([tmp_path / "project", tmp_path / "project/sub"], [state])
    (tmp_path / "project/sub/changed").write_text("b")
    (tmp_path / "project/removed").unlink()
    for name in ("project/sub/new", "project/.git/index", "project/__pycache__/x.pyc"):
        (tmp_path / name).write_text("bb")
    after = picture([tmp_path / "project", tmp_path / "project/sub"], [state])
    root = os.path.realpath(tmp_path)
    assert compare(before, after) == Touched(
        (f"{root}/project/sub/new",), (f"{root}/project/sub/changed",), (f"{root}/project/removed",)
    )
    assert compare(after, after).all == ()


def test_the_state_folder_is_not_the_users(tmp_path: Path) -> None:
    (tmp_path / "home" / "runs").mkdir(parents=True)
    (tmp_path / "home" / "runs" / "x").write_text("")
    assert picture([tmp_path], [tmp_path / "home"]) == {}


def test_folders_that_arguments_name(tmp_path: Path) -> None:
    (tmp_path / "out" / "deep").mkdir(parents=True)
    words = ["train.py", "--out=out/deep", "--lr", "0.1", "out/new.pt", "/", "--x=/nowhere/at/all", "plain"]
    assert folders_named(words, tmp_path) == [tmp_path / "out" / "deep", tmp_path / "out"]
    assert outermost([tmp_path / "out" / "deep", tmp_path, tmp_path]) == [Path(os.path.realpath(tmp_path))]
