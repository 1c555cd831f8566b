"""What a trial did with its card, from the samples that were taken while it ran: their names, and their sum in words.

Owns both. The names are those of metrics of the trial, `gpu/...`; where trials share a card, the card's figures count
for each of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tuned.core import words

OF_CARDS = "gpu/"
"""Their names begin with this: the daemon measures them, and their steps are not the trial's."""
MEMORY = "gpu/memory_bytes"
BUSY = "gpu/utilisation"
WATTS = "gpu/watts"
WATT_HOURS = "gpu/watt_hours"
"""Since the trial's attempt began."""
DEGREES = "gpu/degrees"
THROTTLED = "gpu/throttled"
"""1 while the card slows itself down for its temperature or its supply."""
STALLED = "gpu/stalled"
"""1 while the card idles and the trial computes on the CPU: it waits for its data."""

SLOWED = 0x08 | 0x20 | 0x40 | 0x80
"""Bits of `nvmlClocksEventReasons`: hardware, heat by software and hardware, the power brake. Not the cap of the power
by software, which every card reaches that has enough to do."""
IDLE_BELOW = 10.0
COMPUTES_ABOVE = 0.5


def is_stalled(busy: float | None, cores: float | None) -> bool | None:
    """Whether a card idles while its trial computes on the CPU.

    Args:
        busy: Per cent of time busy.
        cores: How many cores the trial kept busy since the last sample.

    Returns:
        None where one of them is not known.
    """
    return None if busy is None or cores is None else busy < IDLE_BELOW and cores > COMPUTES_ABOVE


def in_words(samples: Mapping[str, Sequence[float]]) -> str:
    """`peak 3.1 GiB, 34% busy, 210 W, 12 Wh, up to 71 °C, throttled 3%, waited for data 40% of the time`.

    Args:
        samples: Name -> its values in order; empty ones are left out.
    """
    found = []
    if samples.get(MEMORY):
        found.append(f"peak {words.size(max(samples[MEMORY]))}")
    if samples.get(BUSY):
        found.append(f"{_mean(samples[BUSY]):.0f}% busy")
    if samples.get(WATTS):
        found.append(f"{_mean(samples[WATTS]):.0f} W")
    if samples.get(WATT_HOURS):
        found.append(f"{words.number(samples[WATT_HOURS][-1], 2)} Wh")
    if samples.get(DEGREES):
        found.append(f"up to {max(samples[DEGREES]):.0f} °C")
    if any(samples.get(THROTTLED, ())):
        found.append(f"throttled {_mean(samples[THROTTLED]):.0%} of the time")
    if any(samples.get(STALLED, ())):
        found.append(f"waited for data {_mean(samples[STALLED]):.0%} of the time")
    return ", ".join(found)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
