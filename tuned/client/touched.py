"""Which files a run has changed: two looks at the same folders, compared.

Owns that comparison. It sees what is there before and after; what comes and goes in between it does not.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

MOST_FILES = 100_000
_SKIPPED = frozenset(
    {".git", "__pycache__", ".venv", "venv", "node_modules", ".mypy_cache", ".ruff_cache", ".pytest_cache"}
)

Picture = dict[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Touched:
    """Files that a run left behind, changed or removed, absolute and sorted."""

    new: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.new, *self.changed, *self.removed)


def folders_named(words: Sequence[str], cwd: Path) -> list[Path]:
    """Folders that a trial is given by its arguments, or that a file which they name would lie in."""
    found = []
    for word in words:
        text = word.rpartition("=")[2]
        if "/" not in text:
            continue
        path = cwd / text
        folder = path if path.is_dir() else path.parent
        # Not the roots of everything, which would take minutes to look through.
        if folder.is_dir() and len(folder.resolve().parts) > 3:
            found.append(folder)
    return found


def outermost(folders: Iterable[Path]) -> list[Path]:
    """The folders, without those that lie within others, in their order."""
    real = list(dict.fromkeys(Path(os.path.realpath(folder)) for folder in folders))
    return [folder for folder in real if not any(other in folder.parents for other in real)]


def picture(folders: Iterable[Path], leave_out: Sequence[Path]) -> Picture:
    """Path -> when it was written and its size, of all files below the folders.

    Args:
        folders: Where to look; one within another counts once.
        leave_out: Folders that are none of the user's: the state folder.
    """
    found: Picture = {}
    hidden = {os.path.realpath(folder) for folder in leave_out}
    for folder in outermost(folders):
        for root, names, files in os.walk(folder):
            names[:] = [n for n in names if n not in _SKIPPED and os.path.join(root, n) not in hidden]  # noqa: PTH118
            for name in files:
                path = os.path.join(root, name)  # noqa: PTH118 - a hundred thousand of them
                try:
                    status = os.lstat(path)
                except OSError:
                    continue
                found[path] = (status.st_mtime_ns, status.st_size)
            if len(found) > MOST_FILES:
                return found
    return found


def compare(before: Picture, after: Picture) -> Touched:
    """The differences between two pictures."""
    return Touched(
        tuple(sorted(after.keys() - before.keys())),
        tuple(sorted(path for path in before.keys() & after.keys() if before[path] != after[path])),
        tuple(sorted(before.keys() - after.keys())),
    )
