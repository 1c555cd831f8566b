"""The state folder's owner: one daemon at a time.

Owns the lock. It lies on the folder itself, which cannot be removed and made anew without that being seen, and on a
file in it that names the owner, where daemons of earlier versions look.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os

from tuned.core.errors import Conflict, Unavailable
from tuned.home import Home

log = logging.getLogger(__name__)

_REMEDIES = {
    errno.ENOSPC: "free some space",
    errno.EISDIR: "it is no file of tuned's: move it away",
    errno.ENXIO: "it is no file of tuned's: move it away",
    errno.ELOOP: "it is no file of tuned's: move it away",
}


class Ownership:
    """The lock on a state folder, held for life.

    Raises:
        Conflict: Another daemon runs there.
        Unavailable: The lock cannot be opened.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        owner = _owner(home)
        with contextlib.ExitStack() as opened:
            self._folder = os.open(home.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            opened.callback(os.close, self._folder)
            try:
                self._file = self._lock_file()
                opened.callback(os.close, self._file)
                fcntl.flock(self._folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Conflict(
                    f"a daemon runs here already (process {owner})",
                    where=str(home.root),
                    hint="see: tunectl daemon status",
                ) from None
            self._sign()
            opened.pop_all()

    def _lock_file(self) -> int:
        home = self._home
        try:
            fd = os.open(home.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            hint = _REMEDIES.get(error.errno or 0, "see that this user may write it")
            raise Unavailable(f"cannot be opened: {error.strerror}", where=str(home.lock), hint=hint) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _sign(self) -> None:
        """Write whose it is: clients that start a daemon at the same moment look there for another."""
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def keep(self) -> None:
        """Make the lock's file anew where somebody has removed it: clients read in it who owns the folder."""
        try:
            found, own, folder = self._home.root.stat(), os.fstat(self._file), os.fstat(self._folder)
            if (found.st_dev, found.st_ino) != (folder.st_dev, folder.st_ino):
                return  # the folder was moved: another may lie in its place, and is not ours
            try:
                there = self._home.lock.stat()
                if (there.st_dev, there.st_ino) == (own.st_dev, own.st_ino):
                    return
            except FileNotFoundError:
                pass
            before, self._file = self._file, self._lock_file()
            os.close(before)
            self._sign()
            log.warning("%s was removed or replaced: made anew", self._home.lock)
        except (OSError, Unavailable) as error:
            log.warning("%s cannot be made anew: %s", self._home.lock, error)

    def close(self) -> None:
        """Let another daemon have the folder."""
        os.close(self._file)
        os.close(self._folder)


def _owner(home: Home) -> str:
    try:
        return home.lock.read_text(errors="replace").strip()[:32] or "unknown"
    except OSError:
        return "unknown"
