"""A state folder that cannot be used: what is wrong with it is said in one line, and what is in it stays as it is."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.tunectl_process import DEADLINE_S, Tunectl

pytestmark = pytest.mark.e2e

SCRIPT = """
import pathlib, time, tuned
trial = tuned.current_trial()
trial.report(step=0, loss=1.0)
while not pathlib.Path("go").exists():
    time.sleep(0.02)
trial.report(step=1, loss=0.5)
"""


def refused(tunectl: Tunectl, *words: str, code: int = 1, **environment: str) -> str:
    process = tunectl.start(*words, "--json", **environment)
    out, err = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, out) == (code, ""), f"{out}\n{err}\n{tunectl.log()}"
    assert err.startswith("tunectl") and err.count("\n") == 1, err
    return err


@pytest.mark.parametrize("words", [["studies"], ["wait", "good"], ["submit", "quad.toml"]])
def test_without_a_daemon_and_told_not_to_start_one(tunectl: Tunectl, words: list[str]) -> None:
    tunectl.write()
    assert "start one with: tunectl daemon start" in refused(tunectl, *words, "--no-start", code=3)
    assert not tunectl.home.exists()


@pytest.mark.parametrize("place", ["/dev/null", "/dev/null/below", "/proc/below"])
def test_a_state_folder_that_cannot_be_made(tunectl: Tunectl, place: str) -> None:
    assert "(name another with TUNED_HOME)" in refused(tunectl, "studies", TUNED_HOME=place)


def test_a_number_of_slots_that_is_none(tunectl: Tunectl) -> None:
    for text in ("many", "99999999999"):
        assert f"TUNED_SLOTS: '{text}' is no number of trials" in refused(tunectl, "studies", TUNED_SLOTS=text)


def test_a_database_that_is_none_or_another_programs(tunectl: Tunectl) -> None:
    tunectl.home.mkdir()
    database = tunectl.home / "tuned.db"
    database.write_bytes(b"\x93" * 20_000)
    assert f"{database}: it is not a database (move the file away" in refused(tunectl, "studies")
    assert database.read_bytes() == b"\x93" * 20_000
    database.unlink()
    with contextlib.closing(sqlite3.connect(database)) as other:
        other.execute("CREATE TABLE theirs (a)")
        other.commit()
    assert f"{database}: it is another program's database" in refused(tunectl, "studies")
    database.unlink()
    database.mkdir()
    assert f"{database}: it cannot be opened" in refused(tunectl, "studies")


def test_a_damaged_or_newer_database(tunectl: Tunectl) -> None:
    tunectl("daemon", "start")
    tunectl("daemon", "stop")
    database = tunectl.home / "tuned.db"
    whole = database.read_bytes()
    for damaged in (whole[: len(whole) // 2], whole[:4096] + b"\x5a" * (len(whole) - 4096)):
        database.write_bytes(damaged)
        err = refused(tunectl, "studies")
        assert f"{database}: the database is damaged" in err
        assert "tunectl daemon recover" in err
    database.write_bytes(whole)
    with contextlib.closing(sqlite3.connect(database)) as newer:
        newer.execute("PRAGMA user_version = 9999")
        newer.commit()
    assert "written by a newer version" in refused(tunectl, "studies")
    database.write_bytes(whole)
    assert tunectl.json("studies") == []


def test_what_may_not_be_read_or_written(tunectl: Tunectl) -> None:
    weak = [] if os.getuid() else ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    if weak and shutil.which("setpriv") is None:
        pytest.skip("root may read everything, and setpriv is not there to give that up")
    tunectl("daemon", "start")
    tunectl("daemon", "stop")

    def ask() -> str:
        command = [*weak, sys.executable, "-I", "-m", "tuned.cli", "studies"]
        done = subprocess.run(command, env=tunectl.env, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
        assert (done.returncode, done.stdout) == (1, ""), done.stdout + done.stderr
        assert done.stderr.count("\n") == 1
        return done.stderr

    for name, mode, what in [
        ("tuned.db", 0o000, "it cannot be opened: permission denied"),
        ("tuned.db", 0o400, "it cannot be opened"),
        ("daemon.lock", 0o000, "cannot be opened: Permission denied"),
        ("runs", 0o000, "cannot be used as state folder: Permission denied"),
    ]:
        path = tunectl.home / name
        before = path.stat().st_mode
        path.chmod(mode)
        err = ask()
        assert str(path) in err
        assert what in err
        path.chmod(before)


def test_files_of_a_study_that_may_not_be_read(tunectl: Tunectl) -> None:
    weak = [] if os.getuid() else ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    if weak and shutil.which("setpriv") is None:
        pytest.skip("root may read everything, and setpriv is not there to give that up")
    tunectl.write()
    (tunectl.work / "inner").mkdir()
    script, inner, data = tunectl.work / "train.py", tunectl.work / "inner", tunectl.work / "secret.txt"
    (inner / "train.py").write_text(script.read_text())
    data.write_text("x")

    def submit(*more: str) -> str:
        command = [*weak, sys.executable, "-I", "-m", "tuned.cli", "submit", "quad.toml", *more]
        done = subprocess.run(
            command, env=tunectl.env, cwd=tunectl.work, capture_output=True, text=True, timeout=DEADLINE_S, check=False
        )
        assert (done.returncode, done.stdout) == (1, ""), done.stdout + done.stderr
        assert done.stderr.count("\n") == 1
        return done.stderr

    for path, more, what in [
        (script, (), f"run.script: {script} cannot be read: Permission denied"),
        (inner, ("--set", "run.script=inner/train.py"), "run.script: there is no file"),
        (data, ("--set", "run.code=snapshot"), f"{data}: Permission denied"),
    ]:
        before = path.stat().st_mode
        path.chmod(0o000)
        assert submit(*more).startswith(f"tunectl: {what}"), what
        path.chmod(before)
    assert tunectl.json("studies") == []


def test_a_dead_socket_is_replaced_and_another_thing_in_its_place_is_named(tunectl: Tunectl) -> None:
    tunectl.home.mkdir()
    path = tunectl.home / "tuned.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert tunectl.json("studies") == []
    tunectl("daemon", "stop")
    path.mkdir()
    assert f"{path}: cannot listen: Is a directory (remove what is there" in refused(tunectl, "studies")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own, to be filled."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(place)]
    if os.getuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path) -> Path:
    """Leave no byte free; the file to remove when there is to be room again."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (1 << 20, 4096):
            with contextlib.suppress(OSError):
                while file.write(b"\0" * size) == size:
                    pass
    return filler


def test_a_full_disk(disk: Path, tmp_path: Path) -> None:
    tunectl = Tunectl(disk / "home", tmp_path)
    tunectl.write()
    filler = fill(disk)
    try:
        assert "the disk is full (free some space)" in refused(tunectl, "studies")
        filler.unlink()
        (tmp_path / "train.py").write_text(SCRIPT)
        tunectl("submit", "quad.toml", "--trials", "1")
        trial = tunectl.wait_until(lambda: tunectl.json("trials", "quad", "--state", "running"), "it runs")[0]
        start = tunectl.home / "runs" / "quad" / "1" / "1" / "start.json"
        tunectl.wait_until(start.exists, "it has begun")
        pid = json.loads(start.read_text())["pid"]
        filler = fill(disk)
        assert "the disk is full (free some space" in refused(tunectl, "submit", "quad.toml", "--as", "other")
        (tmp_path / "go").touch()
        tunectl.wait_until(lambda: not Path(f"/proc/{pid}").exists(), "the trial ends")
        filler.unlink()
        tunectl("wait", "quad")
        assert [row["name"] for row in tunectl.json("studies")] == ["quad"]
        (after,) = tunectl.json("trials", "quad")
        # What it reported on the full disk is there, or is known to be lost, and then it has run again.
        assert trial["attempt"] == 1
        assert (after["state"], after["values"], after["stopped_by"]) == ("completed", {"loss": 0.5}, "")
    finally:
        filler.unlink(missing_ok=True)
        tunectl.end()
