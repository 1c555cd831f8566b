"""Watches the devices while trials run: who holds what memory, how busy each GPU is, per trial.

Owns the period and the attribution of processes to attempts. Samples become observations named `gpu/...` of the trial.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

from tuned.core.trials import card_figures
from tuned.daemon import clock, failpoints
from tuned.daemon.attempts.live_attempt import LiveAttempt
from tuned.daemon.hub import Hub
from tuned.daemon.machine.slots import Ours, Slots
from tuned.nvidia import Sample

BUSY_S = 5.0
EARLY_S = 1.0
"""Between the samples of an attempt's first `YOUNG_S` seconds: short trials have figures, too."""
YOUNG_S = 20.0
IDLE_S = 30.0
DEVICE_FILES = "/dev/nvidia"
_HOST_PIDS = 0xEFFFFFFC
"""The kernel's number of the first namespace of process ids: elsewhere the driver counts processes otherwise."""


async def watch_devices(
    slots: Slots, following: Mapping[int, LiveAttempt], hub: Hub, looked: Callable[[], Awaitable[None]]
) -> None:
    """Sample until cancelled: often while trials run or a card is not ours to lease, seldom otherwise.

    Args:
        slots: The cards.
        following: All live attempts.
        hub: Wakes the scheduler when other cards can be leased.
        looked: Called after each look.
    """
    before: list[str] = []
    while True:
        failpoints.reach("loop.devices")
        slots.leased.clear()
        live = list(following.values())
        families = await sample(slots, following.values())
        await looked()
        if before != slots.leasable_gpus():  # since the last look: somebody else may have asked the driver meanwhile
            before = slots.leasable_gpus()
            hub.scheduler.set()
        for attempt in live:
            if any(slot in slots.samples for slot in attempt.device.split(",")):
                family = families.get(attempt.holder, ())
                _record(slots, attempt, family, await asyncio.to_thread(_cpu_seconds, family))
        kept = len(slots.leasable_gpus()) < len(slots.gpus)
        if slots.leases or kept:
            # One that was leased a card since is not followed yet.
            young = not live or any(clock.now() - attempt.claimed_at < YOUNG_S for attempt in live)
            await asyncio.sleep(EARLY_S if young else BUSY_S)
            continue
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(IDLE_S):
                await slots.leased.wait()  # a short trial would be over before the next look


async def sample(slots: Slots, live: Collection[LiveAttempt]) -> Mapping[str, Collection[int]]:
    """Ask the driver how the GPUs are.

    Args:
        slots: Where the answer is kept.
        live: All live attempts: whoever is none of theirs is somebody else. Read again while the driver is asked.

    Returns:
        Holder -> the processes of its attempt; empty on a machine without GPUs.
    """

    def look() -> Mapping[str, Collection[int]]:
        ours = _ours(live) if slots.gpus else Ours()
        slots.sample(ours)
        return ours.families

    before = slots.leasable_gpus()
    families = await asyncio.to_thread(look)
    if before != slots.leasable_gpus():
        slots.leased.set()  # whoever watches the cards is to know of it, whoever has asked
    return families


def _ours(attempts: Collection[LiveAttempt]) -> Ours:
    families = _families_of(list(attempts))
    host = _counts_as_the_host()
    openers = () if host else {pid for family in families.values() for pid in family if has_device_open(pid)}
    return Ours(families, openers, host, lambda pid: host and _descends(pid, {a.supervisor for a in list(attempts)}))


def _descends(pid: int, supervisors: Collection[int | None]) -> bool:
    """Whether a process descends from one of these."""
    import psutil

    try:
        return any(parent.pid in supervisors for parent in psutil.Process(pid).parents())
    except psutil.Error:
        return False


def _counts_as_the_host() -> bool:
    """Whether process ids mean here what they mean to the driver."""
    try:
        return Path("/proc/self/ns/pid").stat().st_ino == _HOST_PIDS
    except OSError:
        return True


def has_device_open(pid: int) -> bool:
    """Whether a process has a GPU's device file open."""
    try:
        names = os.listdir(f"/proc/{pid}/fd")  # noqa: PTH208 - names alone
        return any(os.readlink(f"/proc/{pid}/fd/{name}").startswith(DEVICE_FILES) for name in names)  # noqa: PTH115
    except OSError:
        return False


def _families_of(attempts: Iterable[LiveAttempt]) -> dict[str, set[int]]:
    """All descendants of each attempt's supervisor, which adopts those that lose their parent."""
    import psutil  # only machines with GPUs come here

    families: dict[str, set[int]] = {}
    for attempt in attempts:
        family = families[attempt.holder] = set()
        if attempt.supervisor is not None:
            with contextlib.suppress(psutil.Error):
                family |= {child.pid for child in psutil.Process(attempt.supervisor).children(recursive=True)}
    return families


def _cpu_seconds(family: Collection[int]) -> float:
    """Seconds of processor time of these processes, as far as they live."""
    import psutil

    total = 0.0
    for pid in family:
        with contextlib.suppress(psutil.Error):
            taken = psutil.Process(pid).cpu_times()
            total += taken.user + taken.system
    return total


def _record(slots: Slots, attempt: LiveAttempt, family: Collection[int], cpu_s: float) -> None:
    cards = [slot for slot in attempt.device.split(",") if slot in slots.samples]
    found = [slots.samples[card] for card in cards]
    now = clock.now()
    step = float(int(now - attempt.claimed_at)) if attempt.claimed_at else float(int(now))

    def add(name: str, value: float | None) -> None:
        if value is not None:
            attempt.samples.append((name, step, float(value), now))

    attempt.dirty.set()
    held = [_held(slots, card, attempt, family) for card in cards]
    if attempt.told.moved is None:  # else its memory is not on the card
        add(card_figures.MEMORY, None if None in held else sum(size or 0 for size in held))
    add(card_figures.WATT_HOURS, attempt.spent / 3600 if _take_energy(attempt, cards, found) else None)
    cores = _cores_used(attempt, cpu_s)  # after the energy: both count from the last sample
    if attempt.told.frozen:
        return  # what it keeps and costs counts; how busy it is while it stands still says nothing of its training
    busy = [sample.utilisation for sample in found if sample.utilisation is not None]
    used = sum(busy) / len(busy) if busy else None
    add(card_figures.BUSY, used)
    watts = [sample.watts for sample in found if sample.watts is not None]
    add(card_figures.WATTS, sum(watts) if watts else None)
    add(card_figures.DEGREES, max((s.temperature for s in found if s.temperature is not None), default=None))
    throttled = [bool(s.throttle & card_figures.SLOWED) for s in found if s.throttle is not None]
    add(card_figures.THROTTLED, any(throttled) if throttled else None)
    add(card_figures.STALLED, card_figures.is_stalled(used, cores))


def _take_energy(attempt: LiveAttempt, cards: Sequence[str], found: Sequence[Sample]) -> bool:
    """Count what its cards took since its last sample, by their counters; by the power of those that have none.

    The time before the first look at an adopted attempt counts by the power of now, too.

    Returns:
        Whether every card tells one of both: of some of them alone the sum would be too small.
    """
    since = 0.0 if attempt.cpu is None else time.monotonic() - attempt.cpu[1]
    if attempt.unsampled_since is not None:
        unsampled, attempt.unsampled_since = clock.now() - attempt.unsampled_since, None
        attempt.spent += sum(sample.watts or 0.0 for sample in found) * max(0.0, unsampled)
    for card, sample in zip(cards, found, strict=True):
        if sample.joules is not None:
            attempt.spent += card_figures.spent(attempt.joules.get(card), sample.joules)
            attempt.joules[card] = sample.joules
        else:
            attempt.spent += (sample.watts or 0.0) * since
            attempt.joules.pop(card, None)
    return bool(found) and all(sample.joules is not None or sample.watts is not None for sample in found)


def _cores_used(attempt: LiveAttempt, cpu_s: float) -> float | None:
    """Cores that it kept busy since its last sample; None at the first."""
    before, attempt.cpu = attempt.cpu, (cpu_s, time.monotonic())
    if before is None or attempt.cpu[1] - before[1] < 1e-3:
        return None
    return max(0.0, cpu_s - before[0]) / (attempt.cpu[1] - before[1])


def _held(slots: Slots, card: str, attempt: LiveAttempt, family: Collection[int]) -> int | None:
    """Bytes of a card that an attempt holds; None where that cannot be told."""
    sizes = [size for pid, size in slots.samples[card].processes.items() if pid in family]
    if sizes and None not in sizes:
        return sum(size for size in sizes if size is not None)
    alone = list(slots.leases.get(card, ())) == [attempt.holder]
    return slots.judgements[card].ours if alone else None if sizes else 0
