from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tuned.daemon.playbook import bundles, reproduce_script
from tuned.daemon.playbook.playbooks import Playbooks


def test_data_has_one_hash_whoever_looks(tmp_path):
    folder = tmp_path / "data"
    (folder / "b").mkdir(parents=True)
    (folder / "b" / "x.txt").write_text("1")
    (folder / "a.txt").write_text("2")
    before = bundles.digest(folder)
    assert before and reproduce_script.digest(str(folder)) == before
    assert reproduce_script.digest(str(folder / "a.txt")) == bundles.digest(folder / "a.txt")
    (folder / "a.txt").write_text("3")
    assert bundles.digest(folder) != before
    assert bundles.digest(tmp_path / "absent") == reproduce_script.digest(str(tmp_path / "absent")) == ""


@pytest.mark.parametrize(
    ("expected", "line", "same"),
    [
        (0.5, {"loss": 0.5}, True),
        (0.5, {"loss": 0.5 + 1e-12}, True),
        (0.5, {"loss": 0.51}, False),
        (0.5, {"other": 1}, False),
        ("nan", {"loss": "nan"}, True),
    ],
)
def test_the_same_number_or_not(tmp_path, expected, line, same):
    (tmp_path / "metrics.jsonl").write_text('{"sdk":1}\n{"loss":9}\n' + json.dumps(line) + "\n")
    run = {"metric": "loss", "expected": expected, "stage": "finalize"}
    if "other" in line:
        (tmp_path / "metrics.jsonl").write_text(json.dumps(line) + "\n")
    assert reproduce_script.compare(run, str(tmp_path), 1e-9) is same


def test_folders_become_words_and_back():
    places = [("/r/s/7/1", bundles.RUN), ("/r/s/7/checkpoint", bundles.CHECKPOINT), ("/home/me/code", bundles.CODE)]
    argv = ["/home/me/code/a.py", "--out=/r/s/7/1/work", "/home/me/code2/d"]
    spec = {"cwd": "/home/me/code", "argv": argv, "tree": "/home/me/code"}
    placed = bundles._placed(spec, places)
    assert placed["argv"] == ["@CODE@/a.py", "--out=@RUN@/work", "/home/me/code2/d"]
    assert placed["cwd"] == "@CODE@" and placed["tree"] == "/home/me/code"
    back = reproduce_script.placed(placed, {"@RUN@": "/r/s/7/1", "@CODE@": "/home/me/code"})
    assert back == spec


def test_no_variable_with_a_secret_goes_into_a_bundle():
    environment = {"HF_TOKEN": "hush", "DB_URL": "postgres://me:hush@db/x", "PLAIN": "x"}
    spec = {"env": environment, "params": {"env": "pong"}, "folds": {"runs": [{"argv": ["b"], "env": environment}]}}
    kept = {"PLAIN": "x"}
    assert bundles._without_secrets(spec) == {
        "env": kept,
        "params": {"env": "pong"},
        "folds": {"runs": [{"argv": ["b"], "env": kept}]},
    }


def test_the_script_is_part_of_what_is_installed(tmp_path):
    script = Path(bundles.__file__).with_name("reproduce_script.py")
    shutil.copy(script, tmp_path)
    text = script.read_text()
    assert "import tuned" not in text and "from tuned" not in text


def test_what_lies_beside_the_code_is_linked(tmp_path):
    tree, copy = tmp_path / "tree", tmp_path / "copy"
    for name in ("a.py", "data/d.txt", "pkg/b.py", "pkg/big/x.bin", ".git/HEAD", "__pycache__/a.pyc", "env/pyvenv.cfg"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text("original")
    (copy / "pkg").mkdir(parents=True)
    for name in ("a.py", "pkg/b.py"):
        (copy / name).write_text("copy")
    reproduce_script.link_missing(str(tree), str(copy))
    assert (copy / "data" / "d.txt").read_text() == "original" and (copy / "pkg" / "big").is_symlink()
    assert (copy / "a.py").read_text() == "copy" and not (copy / "pkg" / "b.py").is_symlink()
    assert sorted(p.name for p in copy.iterdir()) == ["a.py", "data", "pkg"]
    reproduce_script.link_missing(str(tmp_path / "absent"), str(copy))


@pytest.mark.parametrize(("number", "waits"), [(errno.ENOSPC, True), (errno.EAGAIN, True), (errno.EACCES, False)])
async def test_a_bundle_waits_for_room_and_for_a_process(
    monkeypatch: pytest.MonkeyPatch, number: int, waits: bool
) -> None:
    """The step is tried again, then; what cannot be written at all has failed."""

    def make(*_: Any) -> Path:
        raise OSError(number, os.strerror(number), "/runs")

    nothing: Any = None
    maker = bundles.Bundles(nothing, Path("/runs"), Path("/sdk"), nothing)
    monkeypatch.setattr(maker, "_make", make)
    changes: list[Any] = []

    async def change(*change: Any) -> None:
        changes.append(change)

    playbooks: Any = SimpleNamespace(_bundles=maker, _change=change)
    step: Any = SimpleNamespace(id="finalize", result={})
    if waits:
        with pytest.raises(OSError):
            await Playbooks._bundle(playbooks, 1, step)
    else:
        await Playbooks._bundle(playbooks, 1, step)
    assert len(changes) == (not waits)


def test_packages_are_not_left_out_since_no_process_was_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: Any, **__: Any) -> None:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(BlockingIOError):
        bundles._installed("python3", {})
