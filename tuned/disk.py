"""The real disk, for the rules in `core` that look at files through what they are given; for daemon and clients."""

from __future__ import annotations

import os

MOST_BYTES = 2**20


class Disk:
    """`tuned.core.files.Files` over this machine's file system."""

    def is_file(self, path: str) -> bool:
        """Whether a regular file is there, as far as we may look."""
        return os.path.isfile(path)  # noqa: PTH113 - pathlib raises where a folder may not be entered

    def is_dir(self, path: str) -> bool:
        """Whether a folder is there, as far as we may look."""
        return os.path.isdir(path)  # noqa: PTH112

    def is_executable(self, path: str) -> bool:
        """Whether a regular file is there that may be executed."""
        return self.is_file(path) and os.access(path, os.X_OK)

    def read_text(self, path: str) -> str:
        """The file's first megabyte, undecodable bytes replaced."""
        with open(path, "rb") as file:
            return file.read(MOST_BYTES).decode("utf-8", "replace")
