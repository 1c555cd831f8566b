"""Rights of our own files and folders that a trial, or a person, has taken away: given back, or waited for.

Owns that rule. A study's folder and all below it are ours, so nothing that is done to their modes may cost a result, or
keep the daemon from starting. The folder of all run directories, and the state folder, are their owner's to open.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def give(path: Path) -> None:
    """Give this user the rights to read and write a file or folder of its own; a link is left alone."""
    with contextlib.suppress(OSError):
        fd = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            mode = os.fstat(fd).st_mode
            wanted = 0o700 if stat.S_ISDIR(mode) else 0o600 if stat.S_ISREG(mode) else 0
            if mode & wanted != wanted:
                Path(f"/proc/self/fd/{fd}").chmod(stat.S_IMODE(mode) | wanted)
        finally:
            os.close(fd)


def let_in(run_dir: Path) -> None:
    """Let us into a run directory that somebody has shut, or a folder above it that is its study's.

    Raises:
        PermissionError: The folder of all run directories is shut: nothing can be said of what lies below.
    """
    if not os.access(run_dir, os.R_OK | os.W_OK | os.X_OK, effective_ids=True):
        for folder in (run_dir.parent.parent, run_dir.parent, run_dir):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                folder.stat()
                give(folder)


def read_own(path: Path, read: Callable[[], T]) -> T:
    """Read a file of ours, also where its owner's rights were taken away."""
    try:
        return read()
    except PermissionError:
        give(path)
        return read()
