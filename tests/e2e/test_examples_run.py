"""The command behind `make examples`: what cannot run is left out, what runs is checked, nothing is left behind."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.e2e
def test_examples_run_small_and_leave_nothing_behind(tmp_path: Path) -> None:
    env = {k: v for k, v in os.environ.items() if not k.startswith("TUNED_")}
    command = [sys.executable, "-m", "examples.run", "--small", "keras", "shell_script"]
    done = subprocess.run(
        command, cwd=ROOT, env={**env, "TMPDIR": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    if importlib.util.find_spec("keras") is None:
        assert "keras: skipped, since keras is not installed in this environment" in done.stdout
    assert "shell_script: ended well" in done.stdout and "| rate |" in done.stdout
    assert not list(tmp_path.glob("tuned-examples-*"))


def test_a_name_that_is_no_example_is_refused() -> None:
    command = [sys.executable, "-m", "examples.run", "lerning_rate"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "there is no example lerning_rate" in done.stderr
