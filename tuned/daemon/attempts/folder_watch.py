"""Tells when a run directory of a live attempt changes: one inotify descriptor on the event loop.

Owns the watches: per attempt one for appended metrics and one for records moved into place. It says only that something
changed; what, is read from the directory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from asyncinotify import Inotify, Mask, Watch

from tuned import faults
from tuned.protocol import METRICS_FILE

REST_S = 0.05
"""Between two readings. While nobody reads, the kernel folds the changes of one file into one event."""


class FolderWatch:
    """Calls back on the event loop when a watched folder changed.

    Attributes:
        lack: Why the kernel tells of nothing, so that the slow poll alone serves; empty when it does.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._calls: dict[Watch, Callable[[], None]] = {}
        self._rest: asyncio.TimerHandle | None = None
        self._inotify: Inotify | None = None
        self.lack = ""
        self._begin()

    def _begin(self) -> None:
        """Have the kernel tell of changes, if it has an instance left for this user."""
        try:
            faults.check("open", "inotify")
            self._inotify = Inotify(cache_size=256, sync_timeout=0)
        except OSError as error:
            self.lack = f"the kernel has no inotify instance left ({error.strerror}): changes are seen by looking"
            return
        self.lack = ""
        self._loop.add_reader(self._inotify.fd, self._readable)

    def add(self, run_dir: Path, changed: Callable[[], None]) -> list[Watch]:
        """Watch a run directory.

        Returns:
            The watch, for `remove`. Empty when the kernel has no watch left: the slow poll must do then.
        """
        watches: list[Watch] = []
        if self._inotify is None:
            self._begin()
        if self._inotify is None:
            return watches
        try:
            watches.append(self._inotify.add_watch(run_dir, Mask.MOVED_TO | Mask.ONLYDIR))
            watches.append(self._inotify.add_watch(run_dir / METRICS_FILE, Mask.MODIFY))
        except OSError:
            pass
        for watch in watches:
            self._calls[watch] = changed
        return watches

    def remove(self, watches: list[Watch]) -> None:
        """Watch it no longer."""
        for watch in watches:
            if self._calls.pop(watch, None) is not None and self._inotify is not None:
                try:
                    self._inotify.rm_watch(watch)
                except OSError:
                    continue

    def _readable(self) -> None:
        if self._inotify is None:
            return
        self._loop.remove_reader(self._inotify.fd)
        # Armed before anything can fail, or one failure would leave the slow poll alone for ever.
        self._rest = self._loop.call_later(REST_S, self._loop.add_reader, self._inotify.fd, self._readable)
        while (event := self._inotify.sync_get()) is not None:
            changed = self._calls.get(event.watch) if event.watch is not None else None
            if changed is not None:
                changed()

    def close(self) -> None:
        """Give the descriptor back."""
        if self._rest is not None:
            self._rest.cancel()
        if self._inotify is not None:
            self._loop.remove_reader(self._inotify.fd)
            self._inotify.close()
