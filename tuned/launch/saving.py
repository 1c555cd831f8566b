"""Whether a trial is saving just now, and the copy that is kept of its checkpoints when it is told to stop.

Owns both looks. A signal in the middle of a save leaves half a checkpoint, so a trial that is to go on later is told
between two saves; what it saved until then is copied, because its last act may be a save that is cut off.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from fcntl import ioctl
from typing import Iterable, Iterator, List, Optional, Sequence, Tuple

MOST_BYTES = 2 << 30
"""More than this is not copied: the trial stands still meanwhile, and its slot is wanted."""
KEEP_FREE = 1 << 30
"""Bytes that a copy leaves free on the disk."""
IDLE = 5.0
"""Seconds after which a file that nobody writes to counts as one that is kept open, as a log is."""
SETTLED = 0.1
"""Seconds without a change that end a save of several files."""
MOST_ENTRIES = 2000

_LOGS = (".log", ".jsonl", ".csv", ".tsv", ".txt", ".out", ".err")
_EVENTS = "tfevents"
_CLONE = 0x40049409
"""FICLONE: the copy shares the blocks of its original, where the file system can do that."""
_PARTIAL = ".new"


def writing(pids: Iterable[int], folders: Sequence[str], now: float) -> bool:
    """Whether a process has a file below one of the folders open for a save. Logs, which stay open, are none.

    Args:
        pids: The processes.
        folders: Absolute, without links in them.
        now: Unix seconds.
    """
    return any(_is_save(path, flags, now) for pid in pids for path, flags in _open_below(pid, folders))


def unsettled(folders: Iterable[str], now: float) -> bool:
    """Whether something below the folders was written a moment ago: the next file of the same save may follow."""
    return any(now - SETTLED < info.st_mtime <= now + SETTLED for _, info in _entries(folders))


def keep_copy(folder: str, copy: str) -> bool:
    """Copy what is saved, in place of an earlier copy.

    Returns:
        Whether it was copied: an empty folder is not, nor one that is too large, nor where the disk has no room.
    """
    size = sum(info.st_size for _, info in _entries([folder], limit=None))
    if not 0 < size <= MOST_BYTES:
        return False
    partial = copy + _PARTIAL
    try:
        shutil.rmtree(partial, ignore_errors=True)
        if shutil.disk_usage(folder).free < size + KEEP_FREE:
            return False
        shutil.copytree(folder, partial, symlinks=True, copy_function=_clone, ignore=_odd)
        shutil.rmtree(copy, ignore_errors=True)
        os.rename(partial, copy)
    except (OSError, shutil.Error):
        shutil.rmtree(partial, ignore_errors=True)
        return False
    return True


def _open_below(pid: int, folders: Sequence[str]) -> Iterator[Tuple[str, int]]:
    """Path and flags of each file that a process has open for writing below the folders."""
    with contextlib.suppress(OSError):
        for fd in os.listdir("/proc/%d/fd" % pid):
            with contextlib.suppress(OSError, ValueError):
                path = os.readlink("/proc/%d/fd/%s" % (pid, fd))
                if any(path.startswith(folder + "/") for folder in folders):
                    flags = _flags(pid, fd)
                    if flags & os.O_ACCMODE != os.O_RDONLY:
                        yield path, flags


def _flags(pid: int, fd: str) -> int:
    with open("/proc/%d/fdinfo/%s" % (pid, fd)) as file:
        return next(int(line.split()[1], 8) for line in file if line.startswith("flags:"))


def _is_save(path: str, flags: int, now: float) -> bool:
    name = os.path.basename(path)
    if flags & os.O_APPEND or name.endswith(_LOGS) or _EVENTS in name:
        return False
    try:
        return now - os.stat(path).st_mtime < IDLE
    except OSError:
        return False  # it was deleted, or renamed meanwhile: nobody will read it under this name


def _entries(folders: Iterable[str], limit: Optional[int] = MOST_ENTRIES) -> Iterator[Tuple[str, os.stat_result]]:
    """The files and links below the folders."""
    seen = 0
    for top in folders:
        for folder, _, names in os.walk(top):
            for name in names:
                seen += 1
                if limit is not None and seen > limit:
                    return
                path = os.path.join(folder, name)
                with contextlib.suppress(OSError):
                    yield path, os.lstat(path)


def _clone(source: str, target: str) -> None:
    """Copy a file with its times; by which the newest checkpoint is found."""
    with open(source, "rb") as old, open(target, "wb") as new:
        try:
            ioctl(new.fileno(), _CLONE, old.fileno())
        except OSError:
            shutil.copyfileobj(old, new, 1 << 20)
    shutil.copystat(source, target)


def _odd(folder: str, names: Sequence[str]) -> List[str]:
    """Names of entries that are no file, folder or link: these are not copied."""
    return [name for name in names if not _is_plain(os.path.join(folder, name))]


def _is_plain(path: str) -> bool:
    return os.path.islink(path) or os.path.isfile(path) or os.path.isdir(path)
