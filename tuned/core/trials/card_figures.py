"""A trial's use of its card, from samples taken while it ran: the figures' names, and a summary in words.

Owns both. The names are those of metrics of the trial, `gpu/...`; where trials share a card, the card's figures count
for each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

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


def spent(before: float | None, counter: float) -> float:
    """Joules between two readings of a card's counter, which begins at 0 when the driver is loaded.

    Args:
        before: The earlier one; None: there is none.
        counter: The later one.
    """
    if before is None:
        return 0.0
    return counter - before if counter >= before else counter


PEAK, MEAN, SAMPLES = "peak_memory", "mean_memory", "samples"
"""Figures of a whole trial; further ones are named like their metrics, without `gpu/`."""


def figures(sums: Mapping[str, tuple[int, float, float]], watt_hours: float | None) -> dict[str, float]:
    """A trial's use of its card, by name: bytes, per cent, watts, watt hours, degrees, shares of the time.

    Args:
        sums: Metric -> how many samples, their mean, their greatest.
        watt_hours: Of all its attempts.
    """
    found: dict[str, float] = {}
    if MEMORY in sums:
        found |= {PEAK: sums[MEMORY][2], MEAN: sums[MEMORY][1]}
    found |= {_short(name): sums[name][1] for name in (BUSY, WATTS, THROTTLED, STALLED) if name in sums}
    if watt_hours is not None:
        found[_short(WATT_HOURS)] = watt_hours
    if DEGREES in sums:
        found[_short(DEGREES)] = sums[DEGREES][2]
    if found:
        found[SAMPLES] = max(count for count, _, _ in sums.values())
    return found


def figure(found: Mapping[str, float], metric: str) -> float | None:
    """A figure of a trial by its metric's name."""
    return found.get(_short(metric))


def _short(metric: str) -> str:
    return metric.removeprefix(OF_CARDS)


def in_words(found: Mapping[str, float]) -> str:
    """`peak 3.1 GiB, 34% busy, 210 W, 12 Wh, up to 71 °C, throttled 3%, waited for data 40% of the time`.

    Args:
        found: As `figures` has them.
    """
    told = []
    if PEAK in found:
        told.append(f"peak {words.size(found[PEAK])}")
    for metric, form in _FORMS:
        value = figure(found, metric)
        if value is not None and (value or metric not in (THROTTLED, STALLED)):
            told.append(form(value))
    return ", ".join(told)


_FORMS: tuple[tuple[str, Callable[[float], str]], ...] = (
    (BUSY, lambda value: f"{value:.0f}% busy"),
    (WATTS, lambda value: f"{value:.0f} W"),
    (WATT_HOURS, lambda value: f"{words.number(value, 2)} Wh"),
    (DEGREES, lambda value: f"up to {value:.0f} °C"),
    (THROTTLED, lambda value: f"throttled {value:.0%} of the time"),
    (STALLED, lambda value: f"waited for data {value:.0%} of the time"),
)
