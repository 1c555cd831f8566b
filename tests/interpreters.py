"""The promised versions of Python that this machine has; knows nothing of what is tried under them."""

from __future__ import annotations

import functools
import shutil
import subprocess
from pathlib import Path


@functools.cache
def interpreters() -> list[str]:
    """One real executable a version: what stands on PATH may be a script that changes the environment and goes on."""
    found = []
    for minor in range(9, 15):
        managed = sorted(Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python"))
        path = str(managed[-1]) if managed else shutil.which(f"python3.{minor}")
        if path is None:
            continue
        told = subprocess.run(
            [path, "-c", "import sys; print(sys.executable)"], check=False, capture_output=True, text=True
        )
        if told.returncode == 0:
            found.append(told.stdout.strip())
    return found
