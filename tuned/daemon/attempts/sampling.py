"""Watches the devices while trials run: who holds what memory, how busy each GPU is, per trial.

Owns the period and the attribution of processes to attempts. Samples become observations named `gpu/...` of the trial.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from tuned.daemon import clock
from tuned.daemon.attempts.live import Attempts
from tuned.daemon.attempts.live_attempt import LiveAttempt
from tuned.daemon.hub import Hub
from tuned.daemon.machine.slots import Slots

BUSY_S = 5.0
IDLE_S = 30.0


async def watch_devices(slots: Slots, attempts: Attempts, hub: Hub) -> None:
    """Sample until cancelled: often while trials run, seldom otherwise."""
    while slots.gpus:
        blocked = dict(slots.blocked)
        live = list(attempts.live.values())
        families = await asyncio.to_thread(families_of, live)
        await asyncio.to_thread(slots.sample, set().union(*families))
        if blocked != slots.blocked:
            hub.scheduler.set()
        for attempt, family in zip(live, families, strict=True):
            _record(slots, attempt, family)
        await asyncio.sleep(BUSY_S if attempts.live else IDLE_S)


def families_of(attempts: Sequence[LiveAttempt]) -> list[set[int]]:
    """The processes of each attempt: all descendants of its supervisor, which adopts those that lose their parent."""
    import psutil  # only machines with GPUs come here

    families = []
    for attempt in attempts:
        family: set[int] = set()
        if attempt.supervisor is not None:
            with contextlib.suppress(psutil.Error):
                family = {child.pid for child in psutil.Process(attempt.supervisor).children(recursive=True)}
        families.append(family)
    return families


def _record(slots: Slots, attempt: LiveAttempt, family: set[int]) -> None:
    samples = [slots.samples[slot] for slot in attempt.device.split(",") if slot in slots.samples]
    if not samples:
        return
    now = clock.now()
    step = float(int(now - attempt.claimed_at)) if attempt.claimed_at else float(int(now))
    mine = sum(size for sample in samples for pid, size in sample.processes.items() if pid in family)
    attempt.samples.append(("gpu/memory_bytes", step, float(mine), now))
    busy = [sample.utilisation for sample in samples if sample.utilisation is not None]
    if busy:
        attempt.samples.append(("gpu/utilisation", step, sum(busy) / len(busy), now))
    attempt.dirty.set()
