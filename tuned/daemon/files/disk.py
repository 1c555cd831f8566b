"""The real disk, for the rules in `core` that look at files only through what they are given."""

from __future__ import annotations

import os
from pathlib import Path

MOST_BYTES = 2**20


class Disk:
    """`tuned.core.files.Files` over this machine's file system."""

    def is_file(self, path: str) -> bool:
        """Whether a regular file is there."""
        return Path(path).is_file()

    def is_dir(self, path: str) -> bool:
        """Whether a folder is there."""
        return Path(path).is_dir()

    def is_executable(self, path: str) -> bool:
        """Whether a regular file is there that may be executed."""
        return Path(path).is_file() and os.access(path, os.X_OK)

    def read_text(self, path: str) -> str:
        """The file's first megabyte, undecodable bytes replaced."""
        with open(path, "rb") as file:
            return file.read(MOST_BYTES).decode("utf-8", "replace")
