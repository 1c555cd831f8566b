"""The launcher's line to the daemon: JSON lines in on what was standard input, out on what was standard output.

Owns the two descriptors. Standard input becomes `/dev/null` and standard output the log, so that nothing a preloaded
module prints or reads can reach this line.
"""

from __future__ import annotations

import json
import os
from typing import Any, Dict, List

_CHUNK = 65536


class Control:
    """Requests from the daemon and answers to it.

    Attributes:
        fd: Becomes readable when there is something to `receive`.
        closed: The daemon's end is gone; nothing more will come.
    """

    def __init__(self) -> None:
        self.fd = os.dup(0)
        self._answers = os.dup(1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)
        self._partial = b""
        self.closed = False

    def receive(self) -> List[Dict[str, Any]]:
        """The complete requests of one read, which waits unless `fd` is readable; other lines are skipped."""
        chunk = os.read(self.fd, _CHUNK)
        if not chunk:
            self.closed = True
            return []
        *lines, self._partial = (self._partial + chunk).split(b"\n")
        requests = []
        for line in lines:
            try:
                request = json.loads(line)
            except ValueError:
                continue
            if isinstance(request, dict):
                requests.append(request)
        return requests

    def answer(self, **record: Any) -> None:
        """Send one answer; a daemon that is gone is noticed, not raised."""
        data = memoryview((json.dumps(record) + "\n").encode())
        try:
            while data:
                data = data[os.write(self._answers, data) :]
        except OSError:
            self.closed = True

    def close(self) -> None:
        """Let go of the line; every forked process does this first."""
        os.close(self.fd)
        os.close(self._answers)
