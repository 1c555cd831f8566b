"""Whether the database file is still the one that was opened, and its log the one that was written last.

Owns that question. A connection goes on writing into a file that was removed or replaced, where nobody finds it later,
so the writer asks before each commit and the readers before each query.
"""

from __future__ import annotations

import os
from pathlib import Path

_HEADER_BYTES = 100
"""SQLite's header: its counters differ from those of any copy that was made at another time."""


class FileGuard:
    """Compares the file at a path with the one that was there at first.

    Args:
        path: The database file, opened by now.

    Raises:
        OSError: It is not there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        # Held for life: closing a descriptor of the file drops the locks that SQLite has on it in this process.
        self._data = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        found = path.stat()
        self._file = (found.st_dev, found.st_ino)
        self._state = (found.st_mtime_ns, found.st_size)
        self._header = self._read_header()
        self._log_path = path.with_name(f"{path.name}-wal")
        self._log = self._look_at_log()

    def replaced(self) -> bool:
        """Whether another file, or none, lies at the path, or its log is lost."""
        return self.file_replaced() or self.log_lost()

    def log_lost(self) -> bool:
        """Whether the log, in which the last commits may lie alone, was removed, replaced or cut short.

        Only the writer makes it shorter, by a commit.
        """
        if self._log is None:
            return False
        try:
            found = self._look_at_log()
        except OSError:
            return False
        return found is None or found[:2] != self._log[:2] or found[2] < self._log[2]

    def file_replaced(self) -> bool:
        """Whether another file, or none, lies at the path."""
        try:
            found = self._path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            return False  # a folder that is shut for a while, or a disk in trouble, took nothing away
        return found.st_ino != self._file[1] or found.st_dev != self._file[0]

    def changed(self) -> bool:
        """Whether it is `replaced`, or somebody else has written into it since `wrote`.

        Only the writer writes into the file, when it checkpoints.
        """
        if self.log_lost():
            return True
        try:
            found = self._path.stat()
            if found.st_ino != self._file[1] or found.st_dev != self._file[0]:
                return True
            state = (found.st_mtime_ns, found.st_size)
            if state == self._state:
                return False
            if self._read_header() != self._header:
                return True
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            return False
        self._state = state  # its times alone were changed
        return False

    def wrote(self) -> None:
        """Remember the file as the writer has left it."""
        try:
            found = self._path.stat()
            state = (found.st_mtime_ns, found.st_size)
            if state != self._state:
                self._state, self._header = state, self._read_header()
            self._log = self._look_at_log()
        except OSError:
            return  # `replaced` tells

    @property
    def folder(self) -> Path | None:
        """Where the folder of the file is now; None when it was removed."""
        if os.fstat(self._folder).st_nlink == 0:
            return None
        return Path(f"/proc/self/fd/{self._folder}").readlink()

    @property
    def moved_along(self) -> bool:
        """Whether the file lies in its folder as before, under another path."""
        try:
            found = os.stat(self._path.name, dir_fd=self._folder)
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == self._file

    def close(self) -> None:
        """Give the descriptors back, once nobody has the database open. May be called twice."""
        if self._folder >= 0:
            folder, self._folder = self._folder, -1
            os.close(folder)
            os.close(self._data)

    def _look_at_log(self) -> tuple[int, int, int] | None:
        """Its identity and length; None where there is none."""
        try:
            found = self._log_path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return found.st_dev, found.st_ino, found.st_size

    def _read_header(self) -> bytes:
        return os.pread(self._data, _HEADER_BYTES, 0)
