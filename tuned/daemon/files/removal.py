"""Removing and measuring folders that trials have filled, whatever is in them.

Owns both walks. They go by descriptors and never follow a link, so that nothing outside is reached even while somebody
swaps folders for links; they hold a handful of descriptors and no stack, however deep the folders lie; they stay on one
file system; and a removal can be done in turns.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from tuned import faults
from tuned.core.errors import Conflict

log = logging.getLogger(__name__)

GRAVE = ".deleted-"
"""Begins the names of folders in `runs/` that are to go; random digits, a hyphen and the study's name follow."""
_FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class MountPoint(OSError):
    """Another file system lies there: it is left alone."""

    def __init__(self, name: str) -> None:
        super().__init__(errno.EBUSY, "another file system is mounted there", name)


def refuse_mounted(folder: Path, study: str) -> None:
    """Refuse to move a study's folder on which a file system is mounted: what lies there would stay behind.

    Raises:
        Conflict: One is.
    """
    if os.path.ismount(folder):
        hint = f"umount {shlex.quote(str(folder))} first"
        raise Conflict(f"its folder is a mount point: {folder}", where=study, hint=hint)


@contextlib.contextmanager
def opened(root: Path, *names: str) -> Iterator[int]:
    """A folder below `root` by descriptor; `root` may be reached by links, what lies below it never is.

    Raises:
        OSError: One of the names is missing, or is no folder (a link is none).
    """
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in names:
            below = os.open(name, os.O_RDONLY | _FOLDER, dir_fd=fd)
            os.close(fd)
            fd = below
        yield fd
    finally:
        os.close(fd)


@contextlib.contextmanager
def opened_in(folder: int, name: str) -> Iterator[int]:
    """A folder in an open folder, as `opened`."""
    faults.check("open", name)
    fd = os.open(name, os.O_RDONLY | _FOLDER, dir_fd=folder)
    try:
        yield fd
    finally:
        os.close(fd)


def names_in(folder: int) -> list[str]:
    """The entries of an open folder."""
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


def remove_path(path: Path) -> None:
    """Remove a file, a link or a folder with all that is in it; what cannot be removed stays, and is logged."""
    try:
        with opened(path.parent) as folder:
            remove(folder, path.name)
    except OSError as error:
        if not isinstance(error, FileNotFoundError):
            log.warning("%s cannot be removed: %s", path, error)


def remove(folder: int, name: str, limit: int | None = None) -> bool:
    """Remove what stands under a name, as itself: a link goes, its target stays.

    Args:
        folder: Descriptor of the folder that holds it.
        name: Its name there.
        limit: Remove at most about so many entries in this turn; None: all.

    Returns:
        Whether nothing is left; else another turn goes on.

    Raises:
        MountPoint: Another file system is mounted there or below; all else is removed.
        OSError: Something cannot be removed; all else is.
    """
    if _unlinked(folder, name):
        return True
    top = _open_own(folder, name)
    try:
        if os.fstat(top).st_dev != os.fstat(folder).st_dev:
            raise MountPoint(name)
        done = _Emptying(top, limit).run()
    finally:
        os.close(top)
    if done:
        os.rmdir(name, dir_fd=folder)
    return done


class _Emptying:
    """Empties a folder: sub-folders are moved up into it, so that each lies one deep when its turn comes."""

    def __init__(self, top: int, limit: int | None) -> None:
        self._top = top
        self._device = os.fstat(top).st_dev
        self._left = limit
        self._failed: dict[str, OSError] = {}

    def run(self) -> bool:
        """Whether it is empty."""
        while names := [name for name in names_in(self._top) if name not in self._failed]:
            for name in names:
                if not self._take(name):
                    return False
        for error in self._failed.values():
            raise error
        return True

    def _take(self, name: str) -> bool:
        """One entry of the top folder; False when the turn is over."""
        try:
            if _unlinked(self._top, name):
                return self._count()
            folder = _open_own(self._top, name)
            try:
                if os.fstat(folder).st_dev != self._device:
                    raise MountPoint(name)
                with os.scandir(folder) as entries:
                    for entry in entries:
                        if not _unlinked(folder, entry.name):
                            self._lift(folder, entry.name)
                        if not self._count():
                            return False
            finally:
                os.close(folder)
            with contextlib.suppress(FileNotFoundError):
                os.rmdir(name, dir_fd=self._top)
            return True
        except OSError as error:
            if error.errno == errno.ENOTEMPTY:
                return self._count()  # somebody still writes there: it is looked at in the next round
            self._failed[name] = error
            return True

    def _lift(self, folder: int, name: str) -> None:
        os.close(_open_own(folder, name))  # a folder without its owner's rights cannot be moved
        os.rename(name, f".{os.urandom(12).hex()}", src_dir_fd=folder, dst_dir_fd=self._top)

    def _count(self) -> bool:
        if self._left is not None:
            self._left -= 1
        return self._left is None or self._left > 0


def _unlinked(folder: int, name: str) -> bool:
    """Remove anything but a folder; False for a folder."""
    faults.check("unlink", name)
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        pass
    except IsADirectoryError:
        return False
    return True


def _open_own(folder: int, name: str) -> int:
    """A folder of ours by descriptor, made readable and writable if it was not."""
    faults.check("open", name)
    path = os.open(name, os.O_PATH | _FOLDER, dir_fd=folder)
    try:
        mode = os.fstat(path).st_mode
        if mode & 0o700 != 0o700:
            Path(f"/proc/self/fd/{path}").chmod(mode & 0o777 | 0o700)
        return os.open(".", os.O_RDONLY | _FOLDER, dir_fd=path)
    finally:
        os.close(path)


def size_of(path: Path) -> int:
    """Bytes on the disk at and below a path, links not followed; what cannot be looked at counts as nothing."""
    try:
        with opened(path.parent) as folder:
            return size_in(folder, path.name)
    except OSError:
        return 0


def size_in(folder: int, name: str) -> int:
    """As `size_of`, of an entry of an open folder."""
    try:
        total = os.stat(name, dir_fd=folder, follow_symlinks=False).st_blocks * 512
        here = os.open(name, os.O_RDONLY | _FOLDER, dir_fd=folder)
    except NotADirectoryError:
        return total
    except OSError as error:
        return total if error.errno == errno.ELOOP else 0
    above: list[tuple[tuple[int, int], list[str]]] = []
    device = os.fstat(here).st_dev
    try:
        size, names = _entries(here)
        total += size
        while True:
            if names:
                below = _enter(here, names.pop(), device)
                if below is not None:
                    above.append((_identity(here), names))
                    os.close(here)
                    here = below
                    size, names = _entries(here)
                    total += size
            elif above:
                identity, names = above.pop()
                up = os.open("..", os.O_RDONLY | _FOLDER, dir_fd=here)
                os.close(here)
                here = up
                if _identity(here) != identity:
                    return total  # it was moved meanwhile
            else:
                return total
    except OSError:
        return total
    finally:
        os.close(here)


def _entries(folder: int) -> tuple[int, list[str]]:
    """Bytes of a folder's entries, and which of them are folders."""
    total, folders = 0, []
    with os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                total += entry.stat(follow_symlinks=False).st_blocks * 512
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.name)
    return total, folders


def _enter(folder: int, name: str, device: int) -> int | None:
    try:
        fd = os.open(name, os.O_RDONLY | _FOLDER, dir_fd=folder)
    except OSError:
        return None
    if os.fstat(fd).st_dev != device:
        os.close(fd)
        return None
    return fd


def _identity(folder: int) -> tuple[int, int]:
    status = os.fstat(folder)
    return status.st_dev, status.st_ino
