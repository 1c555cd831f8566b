from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from tuned.core.errors import InvalidInput
from tuned.core.study import RunSpec
from tuned.daemon.files import snapshot
from tuned.daemon.files.code_state import CodeStates
from tuned.daemon.machine.ports import Ports


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=u", "-c", "user.email=u@example.org", "-c", "protocol.file.allow=always"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    (folder / "pkg").mkdir(parents=True)
    (folder / "train.py").write_text("import helper\n")
    (folder / "helper.py").write_text("x = 1\n")
    (folder / "pkg" / "__init__.py").write_text("")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "data").mkdir()
    (folder / "data" / "big.bin").write_bytes(bytes(1000))
    (folder / "inner").symlink_to(folder / "pkg")
    (folder / "outer").symlink_to("../elsewhere")
    return folder


def names(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_symlink() or not p.is_dir()}


def test_without_git_everything_but_environments(tree: Path, tmp_path: Path) -> None:
    (tree / "env" / "bin").mkdir(parents=True)
    (tree / "env" / "pyvenv.cfg").touch()
    (tree / "__pycache__").mkdir()
    (tree / "__pycache__" / "x.pyc").touch()
    (tree / "state" / "runs" / "old").mkdir(parents=True)
    (tree / "state" / "runs" / "old" / "file").touch()
    taken = snapshot.take(tree, ["data"], tree / "state" / "runs")
    assert names(taken.folder) == {"train.py", "helper.py", "pkg/__init__.py", "run.sh", "inner", "outer"}
    assert os.access(taken.folder / "run.sh", os.X_OK)
    assert (taken.folder / "inner").resolve() == taken.folder / "pkg"
    assert (taken.folder / "outer").readlink() == tmp_path / "elsewhere"


def test_with_git_what_is_tracked_or_not_ignored(tree: Path, tmp_path: Path) -> None:
    git(tree, "init", "-q")
    (tree / ".gitignore").write_text("*.log\ndata/\n")
    (tree / "a.log").touch()
    git(tree, "add", "train.py", "helper.py")
    git(tree, "commit", "-qm", "x")
    (tree / "helper.py").unlink()
    (tree / "new.py").touch()
    before = git(tree, "status", "--porcelain"), (tree / ".git" / "index").read_bytes()
    taken = snapshot.take(tree, [], tmp_path / "runs")
    assert names(taken.folder) == {".gitignore", "train.py", "new.py", "pkg/__init__.py", "run.sh", "inner", "outer"}
    assert before[1] == (tree / ".git" / "index").read_bytes()
    assert before[0] == git(tree, "status", "--porcelain")


def test_the_hash_is_of_content_paths_and_modes(tree: Path, tmp_path: Path) -> None:
    def code_hash() -> str:
        return snapshot.take(tree, [], tmp_path / "runs").hash

    first = code_hash()
    os.utime(tree / "train.py")
    assert code_hash() == first
    (tree / "helper.py").write_text("x = 2\n")
    second = code_hash()
    (tree / "run.sh").chmod(0o644)
    third = code_hash()
    (tree / "helper.py").rename(tree / "helper2.py")
    assert len({first, second, third, code_hash()}) == 4


def test_too_large_is_refused_and_nothing_is_left(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "MOST_BYTES", 900)
    with pytest.raises(InvalidInput, match=r"run\.code: .* the largest file is data/big\.bin"):
        snapshot.take(tree, [], tmp_path / "runs")
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").iterdir())
    snapshot.take(tree, ["data"], tmp_path / "runs")


def test_trials_write_over_nobody(tree: Path, tmp_path: Path) -> None:
    taken = snapshot.take(tree, ["data"], tmp_path / "runs")
    snapshot.place(taken, tmp_path / "runs" / "s")
    source = snapshot.code_folder(tmp_path / "runs" / "s", taken.hash)
    works = [tmp_path / "work1", tmp_path / "work2"]
    for work in works:
        work.mkdir()
        snapshot.lay_out(source, work, tree, ["data"])
    with (works[0] / "helper.py").open("a") as file:
        file.write("x = 3\n")
    (works[0] / "pkg" / "out.txt").touch()
    assert (works[1] / "helper.py").read_text() == (source / "helper.py").read_text() == "x = 1\n"
    assert not (works[1] / "pkg" / "out.txt").exists() and not (tree / "pkg" / "out.txt").exists()
    assert (works[0] / "data" / "big.bin").stat().st_ino == (tree / "data" / "big.bin").stat().st_ino
    assert (works[0] / "inner").resolve() == works[0] / "pkg"


def test_live_code_is_the_script_and_its_own_imports(tree: Path) -> None:
    codes = CodeStates(now=lambda: 0.0)
    run = RunSpec("script", script=str(tree / "train.py"), cwd=str(tree))
    first = codes.state(run)
    assert first["files"] == [str(tree / "train.py"), str(tree / "helper.py")] and first["commit"] == ""
    (tree / "run.sh").write_text("#!/bin/sh\nexit\n")
    assert codes.state(run)["hash"] == first["hash"]
    (tree / "helper.py").write_text("x = 1234\n")
    assert codes.state(run)["hash"] != first["hash"]
    command = RunSpec("command", command=("./run.sh", "{lr}"), cwd=str(tree))
    assert codes.state(command)["files"] == [str(tree / "run.sh")]


def test_commit_and_whether_it_is_dirty(tree: Path) -> None:
    git(tree, "init", "-q")
    git(tree, "add", "train.py")
    git(tree, "commit", "-qm", "x")
    times = iter([0.0, 1.0, 100.0])
    codes = CodeStates(now=lambda: next(times))
    clean = codes.commit(str(tree))
    assert clean.id == git(tree, "rev-parse", "HEAD").strip() and not clean.dirty
    (tree / "train.py").write_text("edited\n")
    assert codes.commit(str(tree)) is clean
    assert codes.commit(str(tree)).dirty


def test_ports_are_free_and_given_once() -> None:
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        busy = taken.getsockname()[1]
        ports = Ports(busy, busy + 3)
        found = {ports.free(set()) for _ in range(4)}
        assert busy not in found and found <= {busy + 1, busy + 2, 0}
    assert Ports(1, 3).free({1, 2}) == 0
