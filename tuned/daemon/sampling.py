"""Watches the devices while trials run: who holds what memory, how busy each GPU is, per trial.

Owns the period and the attribution of processes to attempts. Samples become observations named `gpu/...` of the trial.
"""

from __future__ import annotations

import asyncio

from tuned import protocol
from tuned.daemon import clock
from tuned.daemon.attempts import Attempts, LiveAttempt
from tuned.daemon.hub import Hub
from tuned.daemon.slots import Slots

BUSY_S = 5.0
IDLE_S = 30.0


async def watch_devices(slots: Slots, attempts: Attempts, hub: Hub) -> None:
    """Sample until cancelled: often while trials run, seldom otherwise."""
    while slots.gpus:
        blocked = dict(slots.blocked)
        await asyncio.to_thread(slots.sample)
        if blocked != slots.blocked:
            hub.scheduler.set()
        for attempt in list(attempts.live.values()):
            await asyncio.to_thread(_sample, slots, attempt)
        await asyncio.sleep(BUSY_S if attempts.live else IDLE_S)


def _sample(slots: Slots, attempt: LiveAttempt) -> None:
    sample = slots.samples.get(attempt.device)
    if sample is None:
        return
    now = clock.now()
    step = float(int(now - attempt.claimed_at)) if attempt.claimed_at else float(int(now))
    mine = sum(size for pid, size in sample.processes.items() if _belongs(pid, attempt.attempt_id))
    attempt.samples.append(("gpu/memory_bytes", step, float(mine), now))
    if sample.utilisation is not None:
        attempt.samples.append(("gpu/utilisation", step, sample.utilisation, now))
    attempt.dirty.set()


def _belongs(pid: int, attempt_id: str) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return f"{protocol.ENV_ATTEMPT}={attempt_id}".encode() in file.read()
    except OSError:
        return False
