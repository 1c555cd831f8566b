"""What makes one launcher different from another, and how many there are."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tuned.daemon.launch.launcher import JUST_USED_S, LauncherFailed
from tuned.daemon.launch.launcher_kind import LauncherKind, installed
from tuned.daemon.launch.launchers import MOST, Launchers
from tuned.launch.bundle import make_bundle


@pytest.fixture
def python(tmp_path: Path) -> str:
    """An interpreter in a virtual environment that leads to one outside."""
    real = tmp_path / "usr/bin/python3.11"
    real.parent.mkdir(parents=True)
    real.touch()
    for home in ("usr", "venv"):
        (tmp_path / home / "lib/python3.11/site-packages").mkdir(parents=True)
    (tmp_path / "venv/bin").mkdir()
    (tmp_path / "venv/bin/python").symlink_to(real)
    return str(tmp_path / "venv/bin/python")


def _age(path: Path) -> None:
    os.utime(path, ns=(1, 1))


def test_nothing_new_is_the_same_launcher(python: str):
    assert installed(python) == installed(python)
    assert len(installed(python)) == 3


@pytest.mark.parametrize("home", ["usr", "venv"])
def test_a_package_that_came_later_makes_another_launcher(python: str, home: str):
    packages = Path(python).parents[2] / home / "lib/python3.11/site-packages"
    _age(packages)
    before = installed(python)
    (packages / "torch").mkdir()
    assert installed(python) != before


def test_another_interpreter_behind_the_same_path_makes_another_launcher(python: str):
    before = installed(python)
    other = Path(python).parents[2] / "usr/bin/python3.12"
    other.touch()
    Path(python).unlink()
    Path(python).symlink_to(other)
    assert installed(python) != before


def test_an_interpreter_that_is_gone_is_no_error(tmp_path: Path):
    assert installed(str(tmp_path / "bin/python")) == ()


def kind(number: int) -> LauncherKind:
    return LauncherKind(sys.executable, (("STUDY", str(number)),), ())


async def test_many_studies_start_few_launchers_and_an_idle_one_makes_room(tmp_path: Path):
    launchers = Launchers(Path(make_bundle(str(tmp_path / "bundles"))), tmp_path / "logs", lambda _: ())
    try:
        for number in range(MOST + 3):
            await launchers.prepare(kind(number))
        first = [await launchers.get(kind(number)) for number in range(MOST)]
        await asyncio.gather(*(launcher.ready for launcher in first))
        # What is needed now is started; one that somebody is about to use stays.
        extra = await launchers.get(kind(MOST + 1))
        assert all(launcher.alive for launcher in [*first, extra])
        for launcher in first:
            launcher.used -= 2 * JUST_USED_S
        first[1].used -= 1.0
        await launchers.get(kind(MOST + 2))
        ended = [i for i, launcher in enumerate(first) if launcher.process.stdin.is_closing()]
        assert len(ended) == 2 and 1 in ended
    finally:
        await launchers.close()


async def test_one_that_is_killed_before_it_is_greeted_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """So that its trial waits for another, and has not failed."""
    start = asyncio.create_subprocess_exec

    async def killed(*arguments: str, **named: Any) -> asyncio.subprocess.Process:
        process = await start(*arguments, **named)
        process.kill()
        await process.wait()
        process.stdin.close()
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", killed)
    launchers = Launchers(Path(make_bundle(str(tmp_path / "bundles"))), tmp_path / "logs", lambda _: ())
    try:
        launcher = await launchers.get(kind(1))
        with pytest.raises(LauncherFailed, match="SIGKILL") as failure:
            await launcher.launch(str(tmp_path))
        assert failure.value.killed
    finally:
        await launchers.close()
