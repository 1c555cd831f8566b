"""The reader's name, under which the daemon remembers what this person has seen."""

from __future__ import annotations

import getpass
import os


def reader() -> str:
    """The user, and the machine that they came from: `ada@here`."""
    came_from = (os.environ.get("SSH_CONNECTION") or "").split()
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = str(os.getuid())
    return f"{user}@{came_from[0] if came_from else 'here'}"
