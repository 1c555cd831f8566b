"""Completion in the shell, as its scripts ask for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import Any

import pytest


def offered(tunectl: Any, monkeypatch: pytest.MonkeyPatch, *words: str) -> list[str]:
    monkeypatch.setenv("_TUNECTL_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", " ".join(["tunectl", *words]))
    monkeypatch.setenv("COMP_CWORD", str(len(words)))
    ran = tunectl()
    monkeypatch.delenv("_TUNECTL_COMPLETE")
    assert ran.err == ""
    return [line.partition(",")[2] for line in ran.out.splitlines() if line]


def test_verbs_studies_trials_and_keys(tunectl: Any, daemon: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert offered(tunectl, monkeypatch, "stu") == ["studies"]
    assert offered(tunectl, monkeypatch, "show", "d") == ["digits"]
    assert offered(tunectl, monkeypatch, "pause", "digits/") == ["digits/best", "digits/running", "digits/1"]
    assert offered(tunectl, monkeypatch, "pause", "--lev") == ["--level"]
    assert offered(tunectl, monkeypatch, "set", "digits", "search.") == [
        "search.trials=", "search.budget=", "search.parallel=",
    ]  # fmt: skip
    assert offered(tunectl, monkeypatch, "enqueue", "digits", "l") == ["lr="]
    assert offered(tunectl, monkeypatch, "gpu", "y") == ["yield"]


def test_without_a_daemon_it_is_silent(tunectl: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert offered(tunectl, monkeypatch, "show", "d") == []
    assert offered(tunectl, monkeypatch, "nonsense", "d") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_are_the_shells_own(shell: str) -> None:
    script = subprocess.run(
        [sys.executable, "-I", "-m", "tuned.cli", "completion", shell], capture_output=True, text=True, check=True
    ).stdout
    assert "_TUNECTL_COMPLETE" in script
    if shutil.which(shell):
        check = subprocess.run([shell, "-n"], input=script, capture_output=True, text=True, env=dict(os.environ))
        assert check.returncode == 0, check.stderr
