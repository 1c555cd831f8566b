"""`tunectl -H ssh://...`: the verbs and the UI over a forwarded socket; ssh is a stand-in that runs locally."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.patience import DEADLINE_S
from tui.tunectl import Tunectl
from tuned.cli.remote import Address, parse_address
from tuned.core.errors import InvalidInput

FAKE = Path(__file__).parent / "fake_ssh"


class There:
    """Runs tunectl here, with a daemon "there"."""

    def __init__(self, home: Path, tmp_path: Path) -> None:
        self.log = tmp_path / "ssh.log"
        bin_ = tmp_path / "bin"
        bin_.mkdir()
        script = bin_ / "tunectl"
        script.write_text(f'#!/bin/sh\nexec {sys.executable} -I -m tuned.cli "$@"\n')
        script.chmod(0o755)
        env = {k: v for k, v in os.environ.items() if not k.startswith("TUNED_")}
        here = tmp_path / "here"
        here.mkdir(mode=0o700)
        self.env = {
            **env, "TUNED_HOME": str(here), "PATH": f"{FAKE}:{env['PATH']}", "FAKE_SSH_HOME": str(home),
            "FAKE_SSH_LOG": str(self.log), "FAKE_SSH_BIN": str(bin_), "TMPDIR": str(tmp_path),
        }  # fmt: skip

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-I", "-m", "tuned.cli", *words],
            env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DEADLINE_S, check=False,
        )  # fmt: skip


@pytest.fixture
def there(shared_daemon: Any, tmp_path: Path) -> There:
    return There(shared_daemon.home, tmp_path)


def test_verbs_and_the_ui_reach_the_other_machine(there: There, shared_daemon: Any, tmp_path: Path) -> None:
    study = {"run": {"command": ["true"]}, "name": "over-there", "search": {"trials": 1}}
    shared_daemon.submit(study, tmp_path)
    done = there.run("-H", "ssh://me@box:2222", "studies")
    assert done.returncode == 0 and "over-there" in done.stdout, done.stderr
    picture = there.run("-H", "ssh://me@box", "ui")
    assert picture.returncode == 0 and "over-there" in picture.stdout, picture.stderr
    assert "Permanently added" not in done.stderr + picture.stderr, "ssh would paint over the UI"
    assert there.log.read_text().count("me@box forward") == 2
    assert not list(tmp_path.glob("tunectl-*")), "the local end of the line was left behind"


def test_several_machines_in_one_picture(there: There, shared_daemon: Any, tmp_path: Path) -> None:
    """One of them is this one, and one is away: the others are shown all the same."""
    shared_daemon.submit({"run": {"command": ["true"]}, "name": "with-them", "search": {"trials": 1}}, tmp_path)
    try:
        queued = there.run("queue", "--name", "with-us", "--", "true")
        assert queued.returncode == 0, queued.stderr
        done = there.run("-H", "ssh://me@box", "ui", "-H", "ssh://nobody@there", "-H", ".")
        lines = [line.strip() for line in done.stdout.splitlines()]
        assert done.returncode == 0, done.stderr
        assert any(line.split()[:2] == ["me@box", "with-them"] for line in lines)
        assert any(line.split()[:2] == [".", "with-us"] for line in lines), done.stdout
        assert "nobody@there  away: nobody@there: Permission denied (publickey)." in lines
        assert "one -H" in there.run("ui", "-H", "ssh://me@box", "-H", ".", "with-us").stderr
        assert "only ui shows several" in there.run("-H", "ssh://me@box", "-H", ".", "studies").stderr
        assert not list(tmp_path.glob("tunectl-*")), "the local end of a line was left behind"
    finally:
        there.run("daemon", "stop", "--stop-trials")


def test_verbs_typed_in_the_ui_use_its_line(there: There, shared_daemon: Any, tmp_path: Path, monkeypatch: Any) -> None:
    study = {"run": {"command": ["true"]}, "name": "typed-there", "search": {"trials": 1}}
    shared_daemon.submit(study, tmp_path)
    for name, value in there.env.items():
        monkeypatch.setenv(name, value)
    lines: list[str] = []

    async def typed() -> list[str]:
        beside = Tunectl(None, "ssh://me@box", str(shared_daemon.socket))
        assert await beside.run(["studies"], 100, lines.append) == 0
        return await beside.complete("trials typed-")

    assert asyncio.run(typed()) == ["typed-there"]
    assert "typed-there" in "".join(lines)
    assert not there.log.exists(), "ssh was started"


def test_what_ssh_refuses_is_said_in_one_line(there: There) -> None:
    done = there.run("-H", "ssh://nobody@there", "studies")
    assert done.returncode == 1
    assert done.stderr.strip() == "tunectl: nobody@there: nobody@there: Permission denied (publickey)."


def test_verbs_of_this_machine_are_refused(there: There, tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text("")
    done = there.run("-H", "ssh://me@box", "submit", str(tmp_path / "study.toml"))
    assert done.returncode == 1 and "submit works with the files" in done.stderr
    assert not there.log.exists()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ssh://box", Address("box", None)),
        ("ssh://me@box.example:22/", Address("me@box.example", 22)),
        ("ssh://me@[::1]", Address("me@::1", None)),
    ],
)
def test_addresses(text: str, expected: Address) -> None:
    assert parse_address(text) == expected


@pytest.mark.parametrize("text", ["box", "ssh://", "ssh://-oProxyCommand=x", "ssh://me@box;rm", "tcp://box"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_address(text)
