"""`make install`: what it refuses before it does anything. The installation itself takes a minute of pip."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import DEADLINE_S

ROOT = Path(__file__).resolve().parents[2]


def make(home: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {"HOME": str(home), "PATH": os.environ["PATH"], **environment}
    command = ["make", "--no-print-directory", "-s", *words]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=DEADLINE_S)


@pytest.fixture
def old_python(tmp_path: Path) -> str:
    path = tmp_path / "python3.8"
    path.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "import sys; sys.version_info = (3, 8); exec(sys.argv[1])" "$2"\n'
    )
    path.chmod(0o755)
    return str(path)


def test_a_python_that_is_too_old_is_refused(tmp_path: Path, old_python: str) -> None:
    done = make(tmp_path, "install", f"PYTHON={old_python}")
    assert done.returncode != 0
    assert "install: tuned needs Python 3.11 or newer (make install PYTHON=python3.11)" in done.stderr
    assert not (tmp_path / ".local").exists()


@pytest.mark.parametrize("kind", ["file", "link", "dangling"])
def test_a_tunectl_of_somebody_elses_is_left_alone(tmp_path: Path, kind: str) -> None:
    link = tmp_path / ".local" / "bin" / "tunectl"
    link.parent.mkdir(parents=True)
    if kind == "file":
        link.write_text("mine")
    else:
        link.symlink_to("/bin/true" if kind == "link" else "/nowhere")
    for verb in ("install", "uninstall"):
        done = make(tmp_path, verb)
        assert done.returncode != 0
        assert f"install: {link} is there and is not ours (move it away)" in done.stderr
    assert link.is_symlink() or link.read_text() == "mine"


def test_uninstall_takes_away_what_is_ours_alone(tmp_path: Path) -> None:
    data = tmp_path / "data" / "tuned-hpo"
    (data / "venv" / "bin").mkdir(parents=True)
    (data / "kept").write_text("")
    link = tmp_path / ".local" / "bin" / "tunectl"
    link.parent.mkdir(parents=True)
    link.symlink_to(data / "venv" / "bin" / "tunectl")
    done = make(tmp_path, "uninstall", XDG_DATA_HOME=str(tmp_path / "data"))
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in data.iterdir()) == ["kept"]
    assert not link.is_symlink()


def test_uninstall_after_one_that_was_broken_off_says_nothing_of_python(tmp_path: Path) -> None:
    environment = tmp_path / "data" / "tuned-hpo" / "venv"
    (environment / "bin").mkdir(parents=True)
    (environment / "bin" / "tunectl").write_text('#!/bin/sh\nexec "${0%/*}/python" -I -m tuned.cli "$@"\n')
    (environment / "bin" / "tunectl").chmod(0o755)
    (environment / "bin" / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    (environment / "bin" / "python").chmod(0o755)
    done = make(tmp_path, "uninstall", XDG_DATA_HOME=str(tmp_path / "data"))
    assert done.returncode == 0 and "rror" not in done.stderr and not environment.exists(), done.stderr


@pytest.mark.parametrize("ours", [True, False])
def test_uninstall_takes_a_unit_that_would_point_nowhere(tmp_path: Path, ours: bool) -> None:
    environment = tmp_path / "data" / "tuned-hpo" / "venv"
    unit = tmp_path / "config" / "systemd" / "user" / "tuned-hpo.service"
    (environment / "bin").mkdir(parents=True)
    (environment / "bin" / "tunectl").write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/called\n')
    (environment / "bin" / "tunectl").chmod(0o755)
    (environment / "bin" / "python").symlink_to("/bin/true")
    unit.parent.mkdir(parents=True)
    program = environment / "bin" / "python3" if ours else "/opt/tuned/bin/python3"
    unit.write_text(f"[Service]\nExecStart={program} -I -m tuned.daemon run\n")
    places = {"XDG_DATA_HOME": str(tmp_path / "data"), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    assert make(tmp_path, "uninstall", **places).returncode == 0
    assert unit.exists() != ours
    assert "--stop-trials" in (tmp_path / "called").read_text(), "no trial runs on without a daemon"
