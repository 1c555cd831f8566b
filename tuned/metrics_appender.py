"""Appending to `metrics.jsonl`: nothing that was reported is lost while its process lives, and what is lost is known.

Owns the file `gaps` too, where a writer notes in place which metrics wait in its memory. The file was made with its
block, so that this needs no room on the disk: a note that is left when its process has ended is a gap.
Standard library alone: the SDK and the supervisor use it.
"""

from __future__ import annotations

import json
import os

from tuned import faults
from tuned.plain_files import open_plain, read_plain
from tuned.protocol import (
    GAPS_FILE,
    NO_METRIC,
)

SLOT = 512
SLOTS = 8
EMPTY_GAPS = b"\n" * (SLOT * SLOTS)
"""Content of a new `gaps`: a slot for the supervisor, the others for processes of the trial."""
SUPERVISORS = 0
ANY = "*"
"""In place of names that have no room in a slot."""

_KEEP = 65536
_AT_ONCE = 1000


def own_slot() -> int:
    """The slot of this process, which is one of a trial's."""
    return 1 + os.getpid() % (SLOTS - 1)


class MetricsAppender:
    """Appends lines to a `metrics.jsonl` that others append to as well, and never raises for trouble with the file.

    A line is one `write`. A line that could not be written is kept in memory and tried again before the next line; a
    line that was torn by a short write is closed by a newline and written again whole. The descriptor is looked at
    before each use: code that closes every descriptor and opens files of its own must not find our lines in them. One
    thread at a time.

    Args:
        path: The file; made when the first line is written.
        slot: Which slot of `gaps` is this process's.

    Attributes:
        error: Why lines wait; None when none does.
    """

    def __init__(self, path: str, slot: int) -> None:
        self._path = path
        self._slot = slot
        self._fd = -1
        self._identity: tuple[int, int] = (0, 0)
        self._torn = False
        self._unsent: list[bytes] = []
        self._missing: set[str] = set()
        self._dropped = 0
        self.error: OSError | None = None

    def append(self, line: bytes) -> bool:
        """Write a line that ends in a newline; False when it waits in memory, where the newest 65,536 are kept."""
        if not self._unsent:  # as nearly always; the training loop waits for it
            try:
                if self._write(line) == len(line):
                    return True
            except OSError as error:
                self.error = error
        self._unsent.append(line)
        if len(self._unsent) > _KEEP:
            del self._unsent[0]
            self._dropped += 1
        if self.flush():
            return True
        if self._unsent and self._unsent[-1] is line:
            self._note(line)
        return False

    def flush(self) -> bool:
        """Write what waits; False when something still does."""
        while self._unsent:
            first = self._unsent[:_AT_ONCE]
            data = b"".join(first)
            try:
                written = self._write(data)
            except OSError as error:
                self.error = error
                return False
            self._unsent[: len(first)] = [] if written == len(data) else _not_in(first, data[:written])
        self.error = None
        if self._missing and not self._dropped:
            self._missing.clear()
            self._write_note(b"")
        return True

    def forget_unsent(self) -> None:
        """In a forked process: what waits is the parent's to write."""
        self._unsent, self._missing, self._dropped, self.error = [], set(), 0, None
        self._slot = own_slot()

    def _write(self, data: bytes) -> int:
        """How many bytes of `data` the disk took."""
        fd = self._own_descriptor()
        faults.check("write", self._path)
        if not self._torn:
            written = os.write(fd, data)
        else:
            written = os.write(fd, b"\n" + data) - 1
            self._torn = written < 0
        if 0 < written < len(data):
            self._torn = data[written - 1 : written] != b"\n"
        return max(0, written)

    def _own_descriptor(self) -> int:
        if self._fd >= 0:
            try:
                status = os.fstat(self._fd)
                if status.st_ino == self._identity[1] and status.st_dev == self._identity[0]:
                    return self._fd
            except OSError:
                pass
            self._fd = -1  # somebody closed it; whatever has its number now is not ours to close
        self._fd = open_plain(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        status = os.fstat(self._fd)
        self._identity = status.st_dev, status.st_ino
        self._torn = status.st_size > 0 and os.pread(self._fd, 1, status.st_size - 1) != b"\n"
        return self._fd

    def _note(self, line: bytes) -> None:
        """Have it known which metrics wait."""
        names = _names(line)
        if not names - self._missing:
            return
        self._missing |= names
        text = json.dumps(sorted(self._missing)).encode()
        self._write_note(text if len(text) < SLOT else json.dumps([ANY]).encode())

    def _write_note(self, text: bytes) -> None:
        try:
            fd = open_plain(os.path.join(os.path.dirname(self._path), GAPS_FILE), os.O_WRONLY)
            try:
                os.pwrite(fd, text.ljust(SLOT, b"\n"), self._slot * SLOT)
            finally:
                os.close(fd)
        except OSError:
            pass  # an attempt of an earlier version has none


def read_gaps(run_dir: str) -> list[str]:
    """Names of the metrics that wait in the memory of a process; of an ended attempt: that are not all in its file.

    `*` stands for any. A file that cannot be read says nothing.
    """
    found: dict[str, None] = {}
    try:
        with read_plain(os.path.join(run_dir, GAPS_FILE)) as file:
            data = file.read(SLOT * SLOTS)
    except OSError:
        return []
    for at in range(0, len(data), SLOT):
        text = data[at : at + SLOT].strip(b"\0\n")  # zeros: a power cut took what was not synced
        if not text:
            continue
        try:
            names = json.loads(text)
        except ValueError:
            names = [ANY]
        found.update(dict.fromkeys(str(name) for name in names) if isinstance(names, list) else {ANY: None})
    return list(found)


def _names(line: bytes) -> set[str]:
    try:
        record = json.loads(line)
    except ValueError:
        return {ANY}
    return set(record) - NO_METRIC if isinstance(record, dict) else {ANY}


def _not_in(lines: list[bytes], written: bytes) -> list[bytes]:
    """The lines that a short write did not cover to their end."""
    return lines[written.count(b"\n") :]
