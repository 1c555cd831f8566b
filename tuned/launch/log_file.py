"""Writing `output.log` as the disk allows: a full one costs the middle of what is printed meanwhile, never the trial.

Owns what waits in memory for room, and the line in the log that says how much is missing.
"""

from __future__ import annotations

import os
from typing import Optional

from tuned import faults

KEEP_BYTES = 256 * 2**10
"""The end of what was printed while there was no room."""

_DROPPED = b"\ntuned: %d bytes of output are missing here: %s\n"


class LogFile:
    """The supervisor's end of an attempt's log.

    Args:
        path: The file; appended to.
    """

    def __init__(self, path: str) -> None:
        self.fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        self._path = path
        self._pending = b""
        self._dropped = 0
        self._why = ""

    @property
    def waiting(self) -> bool:
        """Whether something has not been written yet."""
        return bool(self._pending or self._dropped)

    def write(self, data: bytes) -> None:
        """Write it, or keep it for later."""
        self._pending += data
        error = self.flush()
        if error is not None and len(self._pending) > KEEP_BYTES:
            over = len(self._pending) - KEEP_BYTES
            cut = self._pending.find(b"\n", over) + 1
            cut = cut if 0 < cut < over + 4096 else over
            self._dropped += cut
            self._pending = self._pending[cut:]

    def flush(self) -> Optional[OSError]:
        """Write what waits; the error when it cannot be."""
        try:
            faults.check("write", self._path)
            if self._dropped:
                note = _DROPPED % (self._dropped, self._why.encode())
                if os.write(self.fd, note) < len(note):
                    return OSError("a short write")
                self._dropped = 0
            while self._pending:
                self._pending = self._pending[os.write(self.fd, self._pending) :]
        except OSError as error:
            self._why = error.strerror or str(error)
            return error
        return None
