"""Folders of studies under a place's folder: made, found again, and never mistaken for somebody else's."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from tuned.core.errors import Conflict, Unavailable
from tuned.daemon.files import placed, renaming
from tuned.daemon.files.graveyard import Graveyard


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    (tmp_path / "home" / "runs").mkdir(parents=True)
    (tmp_path / "shared").mkdir()
    return tmp_path / "home" / "runs"


def bury(runs: Path, study: str) -> None:
    yard = Graveyard(runs)
    grave = yard.bury(study)
    assert grave is not None
    assert yard._turn(grave)


def test_a_folder_lies_in_the_place_and_is_found_by_its_old_name(runs: Path, tmp_path: Path) -> None:
    folder = placed.settle(runs, "digits", str(tmp_path / "shared"))
    (runs / "digits" / "study.json").touch()
    assert (folder / "study.json").exists()
    assert placed.settle(runs, "digits", str(tmp_path / "shared")) == folder
    assert placed.followed(runs, "digits") == placed.target(runs / "digits") == folder
    assert dict(placed.links(runs)) == {"digits": folder}


def test_what_a_study_had_here_moves_there(runs: Path, tmp_path: Path) -> None:
    (runs / "digits" / "1").mkdir(parents=True)
    folder = placed.settle(runs, "digits", str(tmp_path / "shared"))
    assert (folder / "1").is_dir()


def test_a_folder_that_was_moved_and_not_linked_is_found_again(runs: Path, tmp_path: Path) -> None:
    """A daemon that was killed in between gave the study an empty folder: what it had was nobody's."""
    (runs / "digits" / "1").mkdir(parents=True)
    folder = placed.settle(runs, "digits", str(tmp_path / "shared"))
    (runs / "digits").unlink()
    assert placed.settle(runs, "digits", str(tmp_path / "shared")) == folder
    assert (runs / "digits" / "1").is_dir()


@pytest.mark.parametrize("cut", ["copying", "removing", None])
def test_a_folder_that_moves_to_another_file_system_is_whole_in_one_place(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: str | None
) -> None:
    for name in ("1", "2"):
        (runs / "digits" / name).mkdir(parents=True)
    rename = Path.rename

    def across(self: Path, to: Path) -> Path:
        if self == runs / "digits" and to.parent != runs:
            raise OSError(errno.EXDEV, "another file system")
        return rename(self, to)

    def killed(folder: Path, *_: object, **__: object) -> None:
        if cut == "copying":
            raise KeyboardInterrupt
        if folder.exists() and folder.name != ".digits.part":
            (folder / "1").rmdir()
            raise KeyboardInterrupt

    monkeypatch.setattr(Path, "rename", across)
    if cut is not None:
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(f"shutil.{'copytree' if cut == 'copying' else 'rmtree'}", killed)
            placed.settle(runs, "digits", str(tmp_path / "shared"))
    Graveyard(runs).exhume({"digits"})
    folder = placed.settle(runs, "digits", str(tmp_path / "shared"))
    assert sorted(path.name for path in folder.iterdir()) == ["1", "2"]
    assert placed.target(runs / "digits") == folder


def test_a_name_that_is_taken_there_gets_a_number(runs: Path, tmp_path: Path) -> None:
    first = placed.settle(runs, "digits", str(tmp_path / "shared"))
    (runs / "digits").rename(runs / "digits-old")
    second = placed.settle(runs, "digits", str(tmp_path / "shared"))
    assert (first.name, second.name) == ("digits", "digits-2")


def test_a_place_that_is_not_mounted_is_refused(runs: Path, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="mount it"):
        placed.settle(runs, "digits", str(tmp_path / "absent"))


def test_deleting_a_study_removes_its_folder_there(runs: Path, tmp_path: Path) -> None:
    folder = placed.settle(runs, "digits", str(tmp_path / "shared"))
    (folder / "1" / "1").mkdir(parents=True)
    bury(runs, "digits")
    assert not folder.exists()
    assert list(runs.iterdir()) == []


def test_a_link_that_is_not_ours_goes_alone(runs: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious" / "runs" / "x"
    precious.mkdir(parents=True)
    (runs / "digits").symlink_to(precious)
    assert placed.target(runs / "digits") is None
    bury(runs, "digits")
    assert precious.exists()
    assert list(runs.iterdir()) == []


def test_the_folder_of_a_place_that_is_gone_keeps_its_link(runs: Path, tmp_path: Path) -> None:
    placed.settle(runs, "digits", str(tmp_path / "shared"))
    (tmp_path / "shared").rename(tmp_path / "away")
    bury(runs, "digits")
    assert len(list(runs.iterdir())) == 1


def test_each_state_folder_has_a_part_of_its_own(tmp_path: Path) -> None:
    parts = {placed.root_of("/shared", tmp_path / home / "runs") for home in ("a", "b")}
    assert len(parts) == 2


@pytest.mark.parametrize("move", ["delete", "replace", "place"])
def test_a_mount_point_is_refused_on_every_way_that_moves_it(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, move: str
) -> None:
    """Moved into a place, its files went there and the link to them did not."""
    (runs / "digits" / "1").mkdir(parents=True)
    monkeypatch.setattr("os.path.ismount", lambda path: Path(path) == runs / "digits")
    ways = {
        "delete": lambda: Graveyard(runs).bury("digits"),
        "replace": lambda: renaming.move(runs, "digits", "digits-1"),
        "place": lambda: placed.settle(runs, "digits", str(tmp_path / "shared")),
    }
    with pytest.raises(Conflict, match=r"mount point.*umount .*/runs/digits first"):
        ways[move]()
    assert [path.name for path in (runs / "digits").iterdir()] == ["1"]
