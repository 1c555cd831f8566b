"""Whose a process is. Owns that look."""

from __future__ import annotations


def owner(pid: int) -> tuple[str, str]:
    """Whose process it is, and what it runs; empty where that may not be seen."""
    import psutil

    try:
        process = psutil.Process(pid)
        return process.username(), " ".join(process.cmdline())[:200] or process.name()
    except psutil.Error:
        return "", ""
