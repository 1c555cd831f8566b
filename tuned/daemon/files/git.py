"""Asking git about a user's tree. Owns how it is called: it takes no lock there, and only reads."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def ask_git(tree: Path | str, *arguments: str, within_s: float) -> subprocess.CompletedProcess[bytes]:
    """Run git in a tree, whatever repository the daemon's own environment may name.

    Raises:
        OSError: There is no git.
        subprocess.TimeoutExpired: It took longer than `within_s`.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment["GIT_OPTIONAL_LOCKS"] = "0"
    command = ["git", "-C", str(tree), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, timeout=within_s, check=False)
