"""The code of a study as it was at submit: which files belong to it, their copy, and each trial's own copy of that.

Owns `runs/<study>/code/<hash>/`. The user's tree, its index and its branch are only read.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuned.core import words
from tuned.core.errors import InvalidInput
from tuned.core.study_file.run_files import within
from tuned.daemon.files.git import ask_git
from tuned.daemon.files.removal import remove_path
from tuned.protocol import SCARCE

MOST_BYTES = 100 * 2**20
CODE_DIR = "code"
TAKING = ".taking-"
_NEVER = frozenset({".git", ".hg", ".svn", "__pycache__"})
_GIT_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Taken:
    """A copy that no study owns yet.

    Attributes:
        folder: Where it lies.
        hash: Of the paths, contents and executable bits of its files.
    """

    folder: Path
    hash: str


def take(tree: Path, data: Sequence[str], runs: Path) -> Taken:
    """Copy a tree's tracked and unignored files; without git all of them.

    Args:
        tree: The files to copy.
        data: Paths within it that are linked into trials and not copied.
        runs: The folder of all run directories: where the copy is made, and never part of it.

    Raises:
        InvalidInput: It is too large, or git refuses.
        OSError: It cannot be read, or the copy not be written.
    """
    skipped = [*(str(tree / path) for path in data), str(runs)]
    if within(str(runs.parent), str(tree)) and runs.parent != tree:
        skipped.append(str(runs.parent))  # the state folder, with its database
    names = [name for name in _names(tree) if not any(within(str(tree / name), skip) for skip in skipped)]
    _refuse_large(tree, names)
    runs.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = Path(tempfile.mkdtemp(prefix=TAKING, dir=runs))
    try:
        return Taken(folder, _copied(tree, names, folder))
    except BaseException:
        remove_path(folder)
        raise


def place(taken: Taken, study_folder: Path) -> None:
    """Give a copy to its study, with a word on what it was made from."""
    target = code_folder(study_folder, taken.hash)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not target.exists():
        taken.folder.rename(target)


def write_origin(study_folder: Path, code_hash: str, state: Mapping[str, Any]) -> None:
    """Keep beside a copy what it was made from."""
    code_folder(study_folder, code_hash).with_suffix(".json").write_text(json.dumps(dict(state)))


def origin(study_folder: Path, code_hash: str) -> dict[str, Any]:
    """The record of `write_origin`; empty when it is gone."""
    try:
        found = json.loads(code_folder(study_folder, code_hash).with_suffix(".json").read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def drop(taken: Taken) -> None:
    """Remove a copy that no study wanted; does nothing once it is placed."""
    remove_path(taken.folder)


def code_folder(study_folder: Path, code_hash: str) -> Path:
    """Where a study's copy lies."""
    return study_folder / CODE_DIR / code_hash


def lay_out(source: Path, work: Path, tree: Path, data: Sequence[str]) -> None:
    """Fill a trial's own folder: a copy of the snapshot, so that nobody writes over anybody, and links to the data.

    Raises:
        OSError: The disk is full, or the snapshot is gone.
    """
    for folder, folders, files in os.walk(source):
        here = work / os.path.relpath(folder, source)
        here.mkdir(exist_ok=True)
        for name in files + [name for name in folders if (Path(folder) / name).is_symlink()]:
            _copy(Path(folder) / name, here / name)
    for path in data:
        link = work / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to((tree / path).resolve())


def _names(tree: Path) -> list[str]:
    """Paths of the files that belong to the tree, relative to it, sorted."""
    if not (tree / ".git").exists():
        return sorted(_walk(tree))
    listed = [
        *_git(tree, "ls-files", "-z", "--cached", "--recurse-submodules"),
        *_git(tree, "ls-files", "-z", "--others", "--exclude-standard"),
    ]
    # Tracked files that were deleted, and nested repositories, are no files.
    return sorted({name for name in listed if _is_copied(tree / name)})


def _git(tree: Path, *arguments: str) -> list[str]:
    try:
        done = ask_git(tree, *arguments, within_s=_GIT_PATIENCE_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        if isinstance(error, OSError) and error.errno in SCARCE:
            raise  # the machine's state, which says nothing about the study
        raise InvalidInput(f"git cannot be asked: {error}", where="run.code", hint='use code = "live"') from None
    if done.returncode != 0:
        line = done.stderr.decode(errors="replace").strip().splitlines()
        raise InvalidInput(
            f"git refuses: {line[0] if line else done.returncode}", where="run.code", hint=f"try git -C {tree} status"
        )
    return [os.fsdecode(name) for name in done.stdout.split(b"\0") if name]


def _walk(tree: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(tree):
        folders[:] = [
            name for name in folders if name not in _NEVER and not (Path(folder) / name / "pyvenv.cfg").exists()
        ]
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        for name in files + links:
            path = Path(folder) / name
            if _is_copied(path):
                yield os.path.relpath(path, tree)


def _is_copied(path: Path) -> bool:
    try:
        mode = path.lstat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) or stat.S_ISLNK(mode)


def _refuse_large(tree: Path, names: Sequence[str]) -> None:
    sizes = {name: (tree / name).lstat().st_size for name in names}
    total = sum(sizes.values())
    if total > MOST_BYTES:
        largest = max(sizes, key=lambda name: sizes[name])
        raise InvalidInput(
            f"{tree} has {words.size(total)} to copy, above {words.size(MOST_BYTES)}; the largest file is {largest}",
            where="run.code",
            hint='name folders of data in run.data, have git ignore them, or use code = "live"',
        )


def _copied(tree: Path, names: Sequence[str], folder: Path) -> str:
    """Copy the files and hash what was copied, so that an edit meanwhile cannot part the two."""
    digest = hashlib.sha256()
    for name in names:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        source = tree / name
        if source.is_symlink():
            link = _link_within(source, tree)
            target.symlink_to(link)
            content, mark = os.fsencode(link), b"l"
        else:
            _copy(source, target)
            with open(target, "rb") as file:
                content = hashlib.file_digest(file, "sha256").digest()
            mark = b"x" if os.access(target, os.X_OK) else b"f"
        digest.update(b"%s\0%s%d\0%s" % (os.fsencode(name), mark, len(content), content))
    return digest.hexdigest()[:16]


def _link_within(link: Path, tree: Path) -> str:
    """Where the copy of a link points: within the copy as long as it pointed within the tree, else where it did."""
    named = Path(os.path.normpath(link.parent / link.readlink()))
    return os.path.relpath(named, link.parent) if within(str(named), str(tree)) else str(named)


def _copy(source: Path, target: Path) -> None:
    """A copy that shares blocks where the file system can, and never the inode."""
    if source.is_symlink():
        target.symlink_to(source.readlink())
        return
    with open(source, "rb") as a, open(target, "xb") as b:
        while _copy_range(a.fileno(), b.fileno()):
            pass
    shutil.copystat(source, target)


def _copy_range(a: int, b: int) -> int:
    try:
        return os.copy_file_range(a, b, 2**30)
    except OSError:
        # Not between these file systems.
        return os.write(b, data) if (data := os.read(a, 2**20)) else 0
