"""The fence in front of an attempt: one supervisor, at most once, never after it was revoked.

Owns the lock file. Recovery takes the same lock before it writes `revoked`, so a late supervisor cannot run beside a
newer attempt; the kernel drops the lock when the supervisor dies, however it dies.
"""

from __future__ import annotations

import errno
import fcntl
import os

from tuned.plain_files import open_plain
from tuned.protocol import LOCK_FILE, REVOKED_FILE, START_FILE

_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)
"""Of a shared folder that keeps none: the start record alone tells, then."""


def claim(run_dir: str) -> bool:
    """Take the attempt for this process, for as long as it lives.

    Returns:
        False when another process holds it, when it was revoked, or when it was started before.

    Raises:
        OSError: The folder is gone or read-only.
    """
    fd = open_plain(os.path.join(run_dir, LOCK_FILE), os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    # The descriptor is left open on purpose: it is the lock.
    return not any(os.path.exists(os.path.join(run_dir, n)) for n in (REVOKED_FILE, START_FILE))
