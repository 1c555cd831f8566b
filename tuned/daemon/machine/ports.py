"""A free TCP port for each trial that may want one, such as for the ranks of torch.distributed.

Owns the choice: below the kernel's own range, so that no passing connection takes it, and none twice.
"""

from __future__ import annotations

import socket
from collections.abc import Collection
from pathlib import Path

_LOWEST = 15_000
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


class Ports:
    """Gives out ports in turn."""

    def __init__(self, first: int = _LOWEST, end: int | None = None) -> None:
        self._first = first
        self._end = end or max(first + 1_000, _kernels_first())
        self._next = first

    def free(self, held: Collection[int]) -> int:
        """A port that nobody listens on and that is not in `held`; 0 when there is none."""
        for _ in range(self._end - self._first):
            port = self._next
            self._next = port + 1 if port + 1 < self._end else self._first
            if port not in held and _can_listen(port):
                return port
        return 0


def _kernels_first() -> int:
    try:
        return int(_RANGE.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 32_768


def _can_listen(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        try:
            listener.bind(("", port))
        except OSError:
            return False
    return True
