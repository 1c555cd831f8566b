"""Numbers, lengths of time and sizes in words: one spelling for the command line, the terminal UI and the analyses.

Reading them back from a person's text is `tuned.core.durations`' and `tuned.core.sizes`' work.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

UNKNOWN = "-"
"""Stands for a value that nobody knows."""
DIGITS = 5
"""Significant digits of a result."""

_WHOLE, _WIDE = 1e6, 1e7
_SIZES = ("B", "KiB", "MiB", "GiB", "TiB")
_TIMES = ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s"))
_ES = ("s", "x", "ch", "sh")


def number(value: float | str | None, digits: int = DIGITS, *, aligned: bool = False) -> str:
    """A number in significant digits, whole ones whole: `0.12346`, `3`, `1e-07`, `nan`.

    Args:
        value: The number, or its word (`nan`, `inf`, `-inf`), as JSON carries it.
        digits: At most so many.
        aligned: For a column of numbers: zeros fill the digits (`0.5000`), and an exponent takes the place of two.
    """
    if value is None:
        return UNKNOWN
    if isinstance(value, str | bool) or not math.isfinite(value):
        return str(value)
    if value == 0 or (value == int(value) and abs(value) < _WHOLE):
        return str(int(value))
    if isinstance(value, int) and (not aligned or abs(value) < _WIDE):
        return str(value)
    if not aligned:
        return f"{value:.{digits}g}"
    if 1e-3 <= abs(value) < 10 ** max(digits, 5):
        return f"{value:.{max(0, digits - 1 - math.floor(math.log10(abs(value))))}f}"
    return f"{value:.{max(0, digits - 2)}e}"


def duration(seconds: float | None) -> str:
    """A length of time in its two largest units: `3.2ms`, `4.5s`, `59s`, `1h 01m`, `2d 04h`; never below zero."""
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    if 0 < seconds < 0.9995:
        return f"{1e3 * seconds:.3g}ms"
    if seconds < 9.95:
        return f"{max(0.0, seconds):.1f}s"
    whole = round(seconds)
    for large, name, small, small_name in _TIMES:
        if whole >= large:
            return f"{whole // large}{name} {whole % large // small:02d}{small_name}"
    return f"{whole}s"


def length(seconds: float) -> str:
    """A length of time as it is typed, in the largest unit of which it is a whole number: `31d`, `90m`, `1s`."""
    whole = [(unit, name) for unit, name in ((86400, "d"), (3600, "h"), (60, "m")) if seconds and seconds % unit == 0]
    unit, name = whole[0] if whole else (1, "s")
    return f"{seconds / unit:g}{name}"


def size(count: float | None) -> str:
    """Bytes in the unit that fits: `512 B`, `1.5 GiB`, `340 MiB`."""
    if count is None:
        return UNKNOWN
    unit = _unit(count)
    scaled = count / 1024**unit
    return f"{scaled:.{0 if unit == 0 or scaled >= 100 else 1}f} {_SIZES[unit]}"


def size_of(used: float, total: float) -> str:
    """Bytes of a total, both whole and in the total's unit: `61/80 GiB`."""
    unit = _unit(total)
    return f"{used / 1024**unit:.0f}/{total / 1024**unit:.0f} {_SIZES[unit]}"


def count(many: int, noun: str) -> str:
    """`1 trial`, `3 trials`, `2 studies`, `2 batches`."""
    if many == 1:
        return f"1 {noun}"
    if noun.endswith("y") and noun[-2:-1] not in tuple("aeiou"):
        return f"{many} {noun[:-1]}ies"
    return f"{many} {noun}{'es' if noun.endswith(_ES) else 's'}"


def does(many: int, noun: str, one: str, more: str) -> str:
    """`1 trial runs`, `3 trials run`: each number with the verb that agrees with it."""
    return f"{count(many, noun)} {one if many == 1 else more}"


def known(many: int | None, what: str) -> str:
    """`3 queued`, or `queued unknown` where nobody can count."""
    return f"{what} unknown" if many is None else f"{many} {what}"


def _unit(count: float) -> int:
    unit = 0
    while unit < len(_SIZES) - 1 and round(count / 1024**unit, 1) >= 1024:
        unit += 1
    return unit


def ranges(numbers: Sequence[int], sign: str = "") -> str:
    """Rising numbers as people name them: `4, 7-31`; each with the sign before it."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(f"{sign}{low}" if low == high else f"{sign}{low}-{sign}{high}" for low, high in spans)
