"""How the rules look at files without touching the disk themselves: the caller passes this in.

Owns the shape alone. The daemon's implementation reads the real disk.
"""

from __future__ import annotations

from typing import Protocol


class Files(Protocol):
    """A view of the file system; paths are absolute."""

    def is_file(self, path: str) -> bool:
        """Whether a regular file is there."""
        ...

    def is_dir(self, path: str) -> bool:
        """Whether a folder is there."""
        ...

    def is_executable(self, path: str) -> bool:
        """Whether a regular file is there that may be executed."""
        ...

    def read_text(self, path: str) -> str:
        """The file's text, undecodable bytes replaced; it may be cut after a megabyte.

        Raises:
            OSError: It cannot be read.
        """
        ...
