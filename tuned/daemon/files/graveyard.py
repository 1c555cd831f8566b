"""Folders whose study was deleted: moved out of the way before the deletion is committed, removed after it.

Owns the names of such folders and their removal, which goes on in the background, a turn at a time: neither a request
nor the daemon's start waits for a large or a damaged folder.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
from collections.abc import Collection
from pathlib import Path

from tuned.core.errors import Conflict
from tuned.daemon import failpoints
from tuned.daemon.files import placed, run_dirs, snapshot
from tuned.daemon.files.removal import GRAVE, opened, refuse_mounted, remove

log = logging.getLogger(__name__)

_BYTES = 4
TURN = 10_000
"""Entries that are removed before others may use the thread."""


class Graveyard:
    """The deleted folders below `runs`."""

    def __init__(self, runs: Path) -> None:
        self.runs = runs
        self._committed: list[Path] = []
        self._news = asyncio.Event()

    def bury(self, study: str) -> Path | None:
        """Move a study's folder out of the way; done before its deletion is committed.

        Returns:
            Where it lies now; None when there was none.

        Raises:
            Conflict: It cannot be moved.
        """
        folder = self.runs / study
        if not os.path.lexists(folder):
            return None
        refuse_mounted(folder, study)
        grave = self.runs / f"{GRAVE}{os.urandom(_BYTES).hex()}-{study}"
        try:
            folder.rename(grave)
        except OSError as error:
            hint = "see its mode and its owner"
            raise Conflict(f"its folder cannot be moved: {error}", where=study, hint=hint) from error
        return grave

    def give_back(self, grave: Path) -> None:
        """Undo `bury`: the deletion was not committed."""
        folder = self.runs / _buried(grave)
        run_dirs.drop_bare(folder)
        if not os.path.lexists(folder):
            grave.rename(folder)

    def exhume(self, studies: Collection[str]) -> None:
        """After a deletion that was cut off: folders of studies that live go back to their place, others are removed.

        So are copies of code that no study came to own. At the daemon's start, when none is being made.
        """
        for copy in self.runs.glob(f"{snapshot.TAKING}*"):
            self._abandon(copy)
        for grave in self.runs.glob(f"{GRAVE}*"):
            try:
                if _buried(grave) in studies:
                    self.give_back(grave)
                else:
                    self._committed.append(grave)
            except OSError as error:
                log.warning("%s cannot be moved back: %s", grave, error)

    def remove_later(self, graves: Collection[Path]) -> None:
        """Remove these: what they held is not wanted any more."""
        self._committed += graves
        self._news.set()

    def _abandon(self, folder: Path) -> None:
        grave = self.runs / f"{GRAVE}{os.urandom(_BYTES).hex()}-"
        try:
            folder.rename(grave)
        except OSError as error:
            log.warning("%s cannot be removed: %s", folder, error)
            return
        self._committed.append(grave)

    async def run(self) -> None:
        """Remove what is to go, until cancelled."""
        while True:
            failpoints.reach("loop.graveyard")
            self._news.clear()
            while self._committed:
                grave = self._committed[0]
                if await asyncio.to_thread(self._turn, grave):
                    self._committed.remove(grave)
            await self._news.wait()

    def _turn(self, grave: Path) -> bool:
        """Remove a part of a deleted folder; True once it is gone, or is left to the next daemon."""
        try:
            if grave.is_symlink() and not self._emptied(grave):
                return False
            with opened(self.runs) as runs:
                return remove(runs, grave.name, TURN)
        except OSError as error:
            log.warning("%s cannot be removed: %s", grave, error)
            return True

    def _emptied(self, grave: Path) -> bool:
        """Whether the folder of a study that lay in a place is gone there.

        Raises:
            OSError: The place cannot be reached.
        """
        folder = placed.target(grave)
        if folder is None:
            to = grave.readlink()
            if to.parent.name == placed.RUNS and not to.parent.is_dir():
                raise OSError(errno.ENOENT, "its place cannot be reached", str(to))
            return True  # a link of somebody else's: it goes, its target stays
        with opened(folder.parent) as runs:
            return remove(runs, folder.name, TURN)


def _buried(grave: Path) -> str:
    return grave.name[len(GRAVE) + 2 * _BYTES + 1 :]
