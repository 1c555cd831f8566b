"""The checkpoint that a trial goes on from: the newest complete file or folder of a name, which may hold `*`.

Owns which one is complete. A trial may have been ended in the middle of a save.
"""

from __future__ import annotations

import glob
import os
import re
from pathlib import Path

_NUMBERS = re.compile(r"(\d+)")


def newest(pattern: str) -> Path | None:
    """The newest complete match of an absolute path with `*`; None without any.

    An empty file is no checkpoint, nor is a folder without a file in it, nor one that lacks a file which the one before
    it has: savers write the same files each time, and a folder that is being written lacks the last of them.
    """
    plain = "*".join(glob.escape(part) for part in pattern.split("*"))
    found = [Path(path) for path in glob.glob(plain)]  # noqa: PTH207 - absolute, and any part of it may hold `*`
    known = sorted(((*_age(path), path, _files(path)) for path in found), reverse=True)
    for i, (_, _, path, files) in enumerate(known):
        before = next((others for *_, others in known[i + 1 :] if others), frozenset())
        if files and (path.is_file() or before <= files):
            return path
    return None


def _age(path: Path) -> tuple[float, list[tuple[int, str]]]:
    """Sorts by time of the last write, then by the numbers in the name."""
    try:
        inner = [entry.stat().st_mtime for entry in os.scandir(path)] if path.is_dir() else []
        written = max([path.stat().st_mtime, *inner])
    except OSError:
        written = 0.0
    pieces = _NUMBERS.split(path.name)
    return written, [(int(piece), "") if i % 2 else (-1, piece) for i, piece in enumerate(pieces)]


def _files(path: Path) -> frozenset[str]:
    """Relative paths of the files in a folder, or the file's own name; those without content are left out."""
    try:
        if not path.is_dir():
            return frozenset({path.name}) if path.stat().st_size else frozenset()
        return frozenset(
            str(inner.relative_to(path)) for inner in path.rglob("*") if inner.is_file() and inner.stat().st_size
        )
    except OSError:
        return frozenset()
