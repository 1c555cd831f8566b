"""How the rules look at files without touching the disk themselves: the caller passes this in.

Owns that shape, and the refusal of a file that cannot be read. The daemon's implementation reads the real disk.
"""

from __future__ import annotations

from typing import Protocol

from tuned import protocol
from tuned.core.errors import InvalidInput, TunedError, Unavailable


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


def unreadable(what: str, where: str, error: OSError) -> TunedError:
    """The refusal: the file's mode is to blame, or the machine, which has no descriptor to give."""
    text = f"{what} cannot be read: {error.strerror}".lstrip()
    if error.errno in protocol.SCARCE:
        return Unavailable(text, where=where, hint=protocol.WHEN_SCARCE)
    return InvalidInput(text, where=where, hint="see its mode")
