"""The owner of a process, from the kernel's table."""

from __future__ import annotations


def owner(pid: int) -> tuple[str, str]:
    """The user and the command of a process; empty where they may not be seen."""
    import psutil

    try:
        process = psutil.Process(pid)
        return process.username(), " ".join(process.cmdline())[:200] or process.name()
    except psutil.Error:
        return "", ""
