"""What makes one launcher different from another."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tuned.daemon.launch.launchers import installed


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
