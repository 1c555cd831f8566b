"""Removing and measuring folders, whatever is in them; and the graveyard, where deleted studies lie."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tuned.daemon.files import log_cap, run_dirs, snapshot
from tuned.daemon.files.graveyard import Graveyard
from tuned.daemon.files.removal import opened, remove, remove_path, size_of


def nested(folder: Path, depth: int) -> None:
    """Folders in folders, deeper than a path can name."""
    fd = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d" * 100, dir_fd=fd)
        below = os.open("d" * 100, os.O_RDONLY, dir_fd=fd)
        os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=fd))
        os.close(fd)
        fd = below
    os.write(file := os.open("deepest", os.O_CREAT | os.O_WRONLY, dir_fd=fd), b"x" * 10_000)
    os.close(file)
    os.close(fd)


def test_folders_deeper_than_a_path_are_measured_and_removed_with_few_descriptors(tmp_path: Path) -> None:
    nested(tmp_path, 3000)
    top = tmp_path / ("d" * 100)
    assert size_of(top) >= 10_000
    with opened(tmp_path) as folder:
        assert remove(folder, top.name)
    assert not top.exists()


def test_a_removal_in_turns_ends(tmp_path: Path) -> None:
    top = tmp_path / "top"
    for i in range(30):
        (top / str(i % 3) / str(i)).mkdir(parents=True)
        (top / str(i % 3) / str(i) / "file").touch()
    turns = 1
    with opened(tmp_path) as folder:
        while not remove(folder, "top", limit=10):
            turns += 1
    assert 5 < turns < 20
    assert not top.exists()


def test_links_go_and_their_targets_stay(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "work").mkdir(parents=True)
    (outside / "work" / "precious").write_bytes(b"x" * 100_000)
    top = tmp_path / "top"
    top.mkdir()
    (top / "link").symlink_to(outside)
    (top / "inner").mkdir()
    (top / "inner" / "link").symlink_to(outside / "work" / "precious")
    assert size_of(top) < 50_000
    remove_path(top)
    assert not top.exists()
    (tmp_path / "itself").symlink_to(outside)
    remove_path(tmp_path / "itself")
    assert (outside / "work" / "precious").exists()
    assert not (tmp_path / "itself").is_symlink()


def test_a_folder_that_becomes_a_link_in_that_moment_is_not_entered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside, inner = tmp_path / "outside", tmp_path / "top" / "inner"
    for folder in (outside, inner):
        folder.mkdir(parents=True)
        (folder / "precious").touch()
    real = os.open

    def late(path: Any, *rest: Any, **more: Any) -> int:
        if path == "inner" and not inner.is_symlink():
            inner.rename(tmp_path / "swapped")
            inner.symlink_to(outside)
        return real(path, *rest, **more)

    monkeypatch.setattr(os, "open", late)
    for _ in range(2):  # what cannot be removed now goes at the next try
        remove_path(tmp_path / "top")
    assert inner.parent.exists() is False
    assert (outside / "precious").exists()


def test_folders_without_rights_go_too(tmp_path: Path) -> None:
    locked = tmp_path / "top" / "a" / "locked"
    (locked / "b").mkdir(parents=True)
    (locked / "file").touch()
    locked.chmod(0)
    pid = os.fork()
    if pid == 0:
        try:
            if os.geteuid() == 0:  # root may do all of this anyway
                for path in (tmp_path, *tmp_path.rglob("*")):
                    os.chown(path, 12345, -1)
                os.chdir(tmp_path)
                os.setuid(12345)
            else:
                os.chdir(tmp_path)
            with opened(Path()) as folder:
                remove(folder, "top")
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    assert not (tmp_path / "top").exists()


@pytest.mark.parametrize("how", ["link", "hard", "folder", "plain"])
def test_the_cap_touches_no_file_of_the_users(tmp_path: Path, how: str) -> None:
    run_dir = tmp_path / "runs" / "s" / "1" / "1"
    run_dir.mkdir(parents=True)
    own = tmp_path / "own.log"
    own.write_bytes(b"x" * 1_000_000)
    log = run_dir / "output.log"
    if how == "link":
        log.symlink_to(own)
    elif how == "hard":
        log.hardlink_to(own)
    elif how == "folder":
        own.rename(tmp_path / "output.log")
        run_dir.rmdir()
        run_dir.symlink_to(tmp_path)
        own = tmp_path / "output.log"
    else:
        shutil.copy(own, log)
    punched = log_cap.cap_log(run_dir, cap=100_000, head=8192, tail=8192)
    assert own.read_bytes() == b"x" * 1_000_000
    assert (punched > 0) == (how == "plain")


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    runs = tmp_path / "runs"
    for study in ("digits", "digits-2"):
        run_dirs.create(run_dirs.trial_dir(runs, study, 1) / "1", {})
    return runs


async def emptied(graveyard: Graveyard) -> list[str]:
    """What is left below `runs` once everything was removed."""
    task = asyncio.create_task(graveyard.run())
    for _ in range(1000):
        await asyncio.sleep(0.01)  # a removal makes no event: nobody waits for it
        if not list(graveyard.runs.glob(".*")):
            break
    task.cancel()
    return [p.name for p in graveyard.runs.iterdir()]


async def test_a_deleted_study_leaves_nothing_and_takes_no_neighbour(runs: Path) -> None:
    graveyard = Graveyard(runs)
    grave = graveyard.bury("digits")
    assert grave is not None
    assert not (runs / "digits").exists()
    assert graveyard.bury("digits") is None
    graveyard.remove_later([grave])
    assert await emptied(graveyard) == ["digits-2"]


async def test_a_deletion_that_was_not_committed_is_undone(runs: Path) -> None:
    graveyard = Graveyard(runs)
    grave = graveyard.bury("digits")
    assert grave is not None
    graveyard.give_back(grave)
    assert (runs / "digits" / "1" / "1" / "spec.json").exists()


async def test_what_was_cut_off_is_finished_or_undone(runs: Path, tmp_path: Path) -> None:
    before = Graveyard(runs)
    before.bury("digits")
    before.bury("digits-2")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "train.py").touch()
    snapshot.take(tmp_path / "tree", [], runs)
    after = Graveyard(runs)
    after.exhume({"digits"})
    assert await emptied(after) == ["digits"]
    assert (runs / "digits" / "1" / "1" / "spec.json").exists()
