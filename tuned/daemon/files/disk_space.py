"""Watches the room on the disk, so that launching pauses before the disk is full and resumes when there is room.

Owns the floor and the sentence about it. Running trials go on: each writes to its run directory as long as it can.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tuned.core import words

ENV_FLOOR = "TUNED_DISK_FLOOR"
FLOOR_BYTES = 2**30
"""Below so much free space nothing new is launched."""
RESUME = 1.25
"""Launching resumes at this multiple of the floor, so that it does not flap."""


class DiskSpace:
    """The room left where the state folder lies.

    The floor is `TUNED_DISK_FLOOR` in bytes, else one GiB or 2 % of the disk, whichever is less.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        named = os.environ.get(ENV_FLOOR, "")
        usage = shutil.disk_usage(folder)
        self._floor = int(named) if named.isdigit() else min(FLOOR_BYTES, usage.total // 50)
        self.low = False

    def check(self) -> str:
        """Why nothing may be launched now; empty when there is room."""
        free = shutil.disk_usage(self._folder).free
        self.low = free < self._floor * (RESUME if self.low else 1.0)
        if not self.low:
            return ""
        return (
            f"disk nearly full: launching is paused, {words.size(free)} are free in {self._folder}, "
            f"the floor is {words.size(self._floor)}; free some space and it goes on by itself"
        )
