"""A trial's use of a stand-in card: memory that it holds, time in which it computes, neighbours that slow it down.

Owns what trials write for `nvml.c`. Standard library only: scripts of trials import it, wherever they run.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from types import TracebackType

GIB = 2**30


class Workload:
    """A process's use of the cards that it was given.

    Args:
        memory: Bytes on each card.
        busy: Per cent of time in which it computes, alone.
        contention: The part of its speed that each neighbour costs.
    """

    def __init__(self, memory: float, busy: int, contention: float = 0.0) -> None:
        root = Path(os.environ["STANDIN_GPUS"])
        self.cards = [root / n for n in os.environ["CUDA_VISIBLE_DEVICES"].split(",") if n]
        self.memory, self.busy, self.contention = int(memory), busy, contention

    def __enter__(self) -> Workload:
        for card in self.cards:
            total = int((card / "memory_total").read_text())
            if sum(size for size, _ in self._users(card).values()) + self.memory > total:
                raise RuntimeError("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB")
            (card / "users").mkdir(exist_ok=True)
            (card / "users" / str(os.getpid())).write_text(f"{self.memory} {self.busy}")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for card in self.cards:
            (card / "users" / str(os.getpid())).unlink(missing_ok=True)

    @staticmethod
    def _users(card: Path) -> dict[str, tuple[int, int]]:
        """Process id -> its bytes and per cent, of those that live."""
        found = {}
        for user in card.glob("users/[0-9]*"):
            with contextlib.suppress(OSError, ValueError):
                size, busy = user.read_text().split()
                if Path("/proc", user.name).exists():
                    found[user.name] = int(size), int(busy)
        return found

    def step(self, seconds: float) -> None:
        """Work that takes so long alone.

        Raises:
            RuntimeError: A card is lost.
        """
        pace = 1.0
        for card in self.cards:
            if (card / "error").exists():
                raise RuntimeError("CUDA error: unspecified launch failure")
            users = self._users(card)
            load = sum(busy for _, busy in users.values())
            pace = min(pace, min(1.0, 100 / max(1, load)) * (1 - self.contention) ** max(0, len(users) - 1))
        time.sleep(seconds / pace)
