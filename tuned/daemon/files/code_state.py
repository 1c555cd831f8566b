"""Which code a trial is about to run: the hash of its files, the commit, and whether the tree was edited since.

Owns that look at the disk. Git is asked at most every few seconds, because trials may start many times a second.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuned.core.study import RunSpec
from tuned.core.study_file.reporting import own_files
from tuned.daemon.files.git import ask_git
from tuned.disk import Disk

FRESH_S = 10.0
"""How long an answer of git counts."""
_PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Commit:
    """The state of a tree, by git; an empty `id`: it is in no repository, or git cannot be asked."""

    id: str = ""
    dirty: bool = False


class CodeStates:
    """Looks at code, and remembers for a moment."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._commits: dict[str, tuple[float, Commit]] = {}
        self._hashes: dict[str, tuple[tuple[tuple[str, int, int], ...], str]] = {}

    def state(self, run: RunSpec) -> dict[str, Any]:
        """The record of the code as it is now: `mode hash commit dirty files`."""
        files = code_files(run)
        commit = self.commit(str(Path(files[0]).parent) if files else run.cwd)
        return {
            "mode": run.code,
            "hash": self._hash(files) if run.code == "live" else run.code_hash,
            "commit": commit.id,
            "dirty": commit.dirty,
            "files": files,
        }

    def commit(self, folder: str) -> Commit:
        """The state of a folder's tree, by git."""
        known = self._commits.get(folder)
        now = self._now()
        if known is None or now - known[0] > FRESH_S:
            known = self._commits[folder] = (now, _commit(folder))
        return known[1]

    def _hash(self, files: list[str]) -> str:
        """Of the files' contents; read anew only when one of them was written."""
        if not files:
            return ""
        signature = tuple(_signature(path) for path in files)
        known = self._hashes.get(files[0])
        if known is None or known[0] != signature:
            known = self._hashes[files[0]] = (signature, _digest(files))
        return known[1]


def code_files(run: RunSpec) -> list[str]:
    """The user's files that a trial is known to run: the script, what it imports beside it, and what arguments name."""
    found = own_files(run.script, Disk(), run.root) if run.script is not None else []
    for i, item in enumerate((*run.command, *run.args)):
        path = os.path.normpath(f"{run.cwd}/{item}") if isinstance(item, str) else ""
        program = isinstance(item, str) and (item.endswith((".py", ".sh")) or (run.command and "/" in item and i < 4))
        if program and path not in found and Path(path).is_file():
            more = own_files(path, Disk()) if path.endswith(".py") else [path]
            found += [file for file in more if file not in found]
    return found


def _signature(path: str) -> tuple[str, int, int]:
    try:
        status = Path(path).stat()
    except OSError:
        return path, 0, -1
    return path, status.st_mtime_ns, status.st_size


def _digest(files: list[str]) -> str:
    digest = hashlib.sha256()
    folder = Path(files[0]).parent
    for path in files:
        try:
            content = Path(path).read_bytes()
        except OSError:
            content = b""
        digest.update(b"%s\0%d\0%s" % (os.fsencode(os.path.relpath(path, folder)), len(content), content))
    return digest.hexdigest()[:16]


def _commit(folder: str) -> Commit:
    def ask(*arguments: str) -> str | None:
        try:
            done = ask_git(folder, *arguments, within_s=_PATIENCE_S)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.decode(errors="replace") if done.returncode == 0 else None

    commit = ask("rev-parse", "HEAD")
    if not commit:
        return Commit()
    return Commit(commit.strip(), bool(ask("status", "--porcelain", "--untracked-files=no")))
