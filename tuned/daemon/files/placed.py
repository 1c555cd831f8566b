"""Folders of studies that lie under a place's folder, and the links in `runs/` that lead to them.

Owns where they lie, and which links are followed: those into a folder that a state folder has marked as its own. With
a link in its place, whatever looks for a study's folder finds it, and moves or deletes it as it would the folder.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from tuned import protocol
from tuned.core.errors import Conflict, Unavailable
from tuned.daemon.files.removal import GRAVE, refuse_mounted

RUNS = "runs"
BUNDLES = "bundles"
MARK = "place.json"
"""Record in `<folder>/tuned-<key>`: the state folder whose studies lie there."""


def root_of(folder: str, runs: Path) -> Path:
    """The part of a place's folder that belongs to the state folder of `runs`."""
    with contextlib.suppress(OSError):
        runs = runs.resolve()
    machine = b""
    with contextlib.suppress(OSError):
        machine = Path("/etc/machine-id").read_bytes()
    return Path(folder) / f"tuned-{hashlib.sha256(machine + os.fsencode(runs)).hexdigest()[:10]}"


def prepare(folder: str, runs: Path) -> Path:
    """Make that part, marked as ours, and return it.

    Raises:
        Unavailable: The place's folder is not there, or cannot be written.
    """
    root = root_of(folder, runs)
    try:
        if not Path(folder).is_dir():
            raise Unavailable("there is no such folder", where=folder, hint=f"mount it, or mkdir {folder}")
        for part in (root, root / RUNS, root / BUNDLES, root / protocol.EXITS_DIR):
            part.mkdir(mode=0o700, exist_ok=True)
        if not (root / MARK).exists():
            protocol.write_record(str(root), MARK, {"home": str(runs.parent)})
    except OSError as error:
        raise Unavailable(
            f"cannot be written: {error.strerror}", where=folder, hint="see its owner and mode"
        ) from error
    return root


def target(link: Path) -> Path | None:
    """The folder of a study that this link leads to; None where it is no link of ours, or its place is not there."""
    try:
        to = link.readlink()
    except OSError:
        return None
    ours = to.is_absolute() and to.parent.name == RUNS and (to.parent.parent / MARK).is_file()
    return to if ours else None


def followed(runs: Path, study: str) -> Path:
    """A study's folder under its own path, whether its place can be reached or not."""
    try:
        to = (runs / study).readlink()
    except OSError:
        return runs / study
    return to if to.is_absolute() else runs / study


def links(runs: Path) -> Iterator[tuple[str, Path]]:
    """Name and folder of each study that lies in a place."""
    try:
        entries = sorted(runs.iterdir())
    except OSError:
        return
    for entry in entries:
        to = None if entry.name.startswith(".") else target(entry)
        if to is not None:
            yield entry.name, to


def settle(runs: Path, study: str, folder: str) -> Path:
    """Have a study's folder lie in a place, and return it. One that it had here moves there.

    Raises:
        Unavailable: The place's folder cannot be used.
        Conflict: Its folder cannot be moved.
    """
    refuse_mounted(runs / study, study)
    link, known = runs / study, target(runs / study)
    if known is not None:
        known.mkdir(mode=0o700, exist_ok=True)
        return known
    below = prepare(folder, runs) / RUNS
    try:
        if link.is_symlink():
            raise Conflict(f"{link} leads to a folder that cannot be reached", where=study, hint="mount it")
        if not link.exists() and _left_behind(runs, below / study):
            to = below / study
        else:
            to = next(path for path in _names(below, study) if not os.path.lexists(path))
            if link.is_dir():
                _move(link, to)
            else:
                to.mkdir(mode=0o700)
        link.symlink_to(to)
        protocol.sync_folder(str(below))
        protocol.sync_folder(str(runs))
    except OSError as error:
        raise Conflict(f"its folder cannot be made in {below}: {error}", where=study, hint="see its mode") from error
    return to


def _left_behind(runs: Path, folder: Path) -> bool:
    """Whether a daemon was killed after it had moved a study's folder there, and before it made the link."""
    linked = (entry.readlink() for entry in runs.iterdir() if entry.is_symlink())
    return folder.is_dir() and folder not in linked


def _move(folder: Path, to: Path) -> None:
    """Move a folder, be it to another file system: whenever this is cut off, all of it is in one of both places."""
    try:
        folder.rename(to)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        part = to.with_name(f".{to.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(folder, part, symlinks=True)
        part.rename(to)
        old = folder.with_name(f"{GRAVE}{os.urandom(4).hex()}-")  # the daemon's next start removes what is left of it
        folder.rename(old)
        shutil.rmtree(old, ignore_errors=True)


def _names(folder: Path, study: str) -> Iterator[Path]:
    yield folder / study
    number = 2
    while True:
        yield folder / f"{study}-{number}"
        number += 1
