"""The owner of a process, from the kernel's table."""

from __future__ import annotations

from tuned.core.study.secrets import without_passwords
from tuned.core.text import printable

LONGEST_COMMAND = 200


def owner(pid: int) -> tuple[str, str]:
    """The user and the command of a process, on one line and without passwords; empty where they may not be seen."""
    import psutil

    try:
        process = psutil.Process(pid)
        words = " ".join(" ".join(process.cmdline()).split())
        return process.username(), printable(without_passwords(words))[:LONGEST_COMMAND] or process.name()
    except psutil.Error:
        return "", ""
