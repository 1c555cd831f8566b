"""Watches the devices while trials run: who holds what memory, how busy each GPU is, per trial.

Owns the period and the attribution of processes to attempts. Samples become observations named `gpu/...` of the trial.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping

from tuned.daemon import clock, failpoints
from tuned.daemon.attempts.live_attempt import LiveAttempt
from tuned.daemon.hub import Hub
from tuned.daemon.machine.slots import Slots

BUSY_S = 5.0
IDLE_S = 30.0


async def watch_devices(slots: Slots, following: Mapping[int, LiveAttempt], hub: Hub) -> None:
    """Sample until cancelled: often while trials run, seldom otherwise."""
    while slots.gpus:
        failpoints.reach("loop.devices")
        blocked = slots.blocked
        live = list(following.values())
        families = await sample(slots, live)
        if blocked != slots.blocked:
            hub.scheduler.set()
        for attempt in live:
            _record(slots, attempt, families[attempt.trial_id])
        await asyncio.sleep(BUSY_S if following else IDLE_S)


async def sample(slots: Slots, live: Iterable[LiveAttempt]) -> dict[int, set[int]]:
    """Ask the driver how the GPUs are.

    Args:
        slots: Where the answer is kept.
        live: All live attempts: whoever is none of theirs is somebody else.

    Returns:
        Trial id -> the processes of its attempt.
    """
    if not slots.gpus:
        return {attempt.trial_id: set() for attempt in live}
    attempts = list(live)
    families = await asyncio.to_thread(_families_of, attempts)
    await asyncio.to_thread(slots.sample, set().union(*families.values()))
    return families


def _families_of(attempts: Iterable[LiveAttempt]) -> dict[int, set[int]]:
    """All descendants of each attempt's supervisor, which adopts those that lose their parent."""
    import psutil  # only machines with GPUs come here

    families: dict[int, set[int]] = {}
    for attempt in attempts:
        family = families[attempt.trial_id] = set()
        if attempt.supervisor is not None:
            with contextlib.suppress(psutil.Error):
                family |= {child.pid for child in psutil.Process(attempt.supervisor).children(recursive=True)}
    return families


def _record(slots: Slots, attempt: LiveAttempt, family: set[int]) -> None:
    samples = [slots.samples[slot] for slot in attempt.device.split(",") if slot in slots.samples]
    if not samples:
        return
    now = clock.now()
    step = float(int(now - attempt.claimed_at)) if attempt.claimed_at else float(int(now))
    mine = sum(size for found in samples for pid, size in found.processes.items() if pid in family)
    attempt.samples.append(("gpu/memory_bytes", step, float(mine), now))
    busy = [found.utilisation for found in samples if found.utilisation is not None]
    if busy:
        attempt.samples.append(("gpu/utilisation", step, sum(busy) / len(busy), now))
    attempt.dirty.set()
