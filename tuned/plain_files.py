"""Opening what must be a plain file of ours, in a folder that a trial may have changed.

Owns that check. A pipe, a device, a folder or a link under the name of a record is refused at once, so that neither
reading nor writing can hang, and nothing is reached through a link. Links among the user's own files stay theirs.
Standard library alone: the daemon, the launcher, the supervisor and the SDK use it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from typing import BinaryIO, Optional, Union

from tuned import faults

_SAFE = os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

Path = Union[str, "os.PathLike[str]"]


class NotPlain(OSError):
    """Something else than a plain file stands under this name."""

    def __init__(self, path: Path) -> None:
        super().__init__(errno.EINVAL, "it is no plain file", os.fspath(path))


def open_plain(
    path: Path, flags: int = os.O_RDONLY, mode: int = 0o600, dir_fd: Optional[int] = None, links: bool = False
) -> int:
    """Open a plain file without waiting and without following a link in its place.

    Args:
        path: The file; links among the folders above it are followed.
        flags: As for `os.open`.
        mode: Of a file that this makes.
        dir_fd: The folder that a relative path begins at.
        links: Whether a link to a plain file will do, as for a file of the user's.

    Returns:
        The descriptor.

    Raises:
        NotPlain: A link, a pipe, a folder or a device stands there.
        OSError: As for `os.open`.
    """
    faults.check("open", path)
    try:
        fd = os.open(path, flags | _SAFE | (0 if links else os.O_NOFOLLOW), mode, dir_fd=dir_fd)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.EISDIR):
            raise NotPlain(path) from None
        raise
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise NotPlain(path)
    return fd


def read_plain(path: Path, links: bool = False) -> BinaryIO:
    """`open_plain` for reading, as a file object."""
    return os.fdopen(open_plain(path, links=links), "rb")


def is_locked(path: Path) -> bool:
    """Whether another process holds the lock of this file; a file that cannot be opened or asked is held by nobody."""
    try:
        fd = open_plain(path)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(fd)
    return False
