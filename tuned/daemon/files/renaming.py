"""The folder of a study that gets another name: moved within the transaction that renames it.

Owns the move, and the way back when the transaction was not committed, also by a daemon that was killed in it.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Collection
from pathlib import Path

from tuned import protocol
from tuned.core.errors import Conflict
from tuned.daemon.files import placed, run_dirs
from tuned.daemon.files.removal import GRAVE, refuse_mounted

log = logging.getLogger(__name__)

FORMER_NAME = "former-name.json"
"""Record in a folder that was moved: the name that it had. `study.json` may be younger than the move, or missing."""


def move(runs: Path, name: str, new: str) -> bool:
    """Move a study's folder; whether there was one.

    Raises:
        Conflict: It cannot be moved.
    """
    if not os.path.lexists(runs / name):
        return False
    refuse_mounted(runs / name, name)
    try:
        protocol.write_record(str(runs / name), FORMER_NAME, {"name": name})
        (runs / name).rename(runs / new)
    except OSError as error:
        raise Conflict(f"its folder cannot be moved: {error}", where=name, hint="see its mode and its owner") from error
    return True


def move_back(runs: Path, name: str, new: str) -> None:
    """Undo `move`; what the next study of that name put there already goes."""
    folder = runs / name
    try:
        if os.path.lexists(folder) and not run_dirs.numbered(folder):
            folder.rename(runs / f"{GRAVE}{os.urandom(4).hex()}-")  # the daemon's next start removes it
        if not os.path.lexists(folder):
            (runs / new).rename(folder)
            (folder / FORMER_NAME).unlink(missing_ok=True)
    except OSError as error:
        log.warning("%s cannot be moved back to %s: %s", runs / new, folder, error)


def undo_cut_off(runs: Path, studies: Collection[str]) -> None:
    """Move folders back whose study has its old name: a daemon was killed before it committed the new one.

    Args:
        runs: The folder of all run directories.
        studies: Names of the studies that the database has.
    """
    for folder in runs.iterdir() if runs.is_dir() else ():
        strange = folder.is_symlink() and placed.target(folder) is None
        if folder.name in studies or folder.name.startswith(".") or strange or not folder.is_dir():
            continue
        name = ""
        with contextlib.suppress(OSError, protocol.RecordError):
            name = str((protocol.read_record(str(folder), FORMER_NAME) or {}).get("name", ""))
        if name != folder.name and name in studies:
            move_back(runs, name, folder.name)
