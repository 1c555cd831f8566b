"""Numbers, durations and values as short text. Pure; knows no widths beyond its own rounding."""

from __future__ import annotations

import math
from typing import Any

from tui.cells import clean


def number(value: object, digits: int = 4) -> str:
    """A metric in `digits` significant digits: `0.01229`, `3.1e-05`, `1.2e+06`, `nan`; an empty text for None."""
    if value is None:
        return ""
    try:
        x = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return clean(str(value))
    if not math.isfinite(x):
        return str(x)
    if x == 0:
        return "0"
    if isinstance(value, int) and abs(value) < 10**7:
        return str(value)
    if 1e-3 <= abs(x) < 10 ** max(digits, 5):
        decimals = max(0, digits - 1 - math.floor(math.log10(abs(x))))
        text = f"{x:.{decimals}f}"
        return text.rstrip("0").rstrip(".") if "." in text and x == int(x) else text
    return f"{x:.{max(0, digits - 2)}e}"


def tick(value: float) -> str:
    """A number on an axis, as short as it can be said: `0.5`, `1e-05`, `2000`."""
    return f"{value:.3g}"


def param(value: Any) -> str:
    """A parameter's value: floats short, booleans and words as they are."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return number(value, 3)
    if value is None:
        return ""
    return clean(str(value))


def param_exact(value: Any) -> str:
    """A parameter's value in six significant digits."""
    return f"{value:.6g}" if isinstance(value, float) else param(value)


def step(value: float | None) -> str:
    """A step as a whole number where it is one."""
    if value is None:
        return ""
    if not math.isfinite(value):
        return str(value)
    return str(int(value)) if value == int(value) else f"{value:g}"


def clock(seconds: float | None) -> str:
    """Elapsed time as `0:41:02`, `27:15:00` or `4d 02h`; empty for None."""
    if seconds is None:
        return ""
    whole = max(0, int(seconds))
    hours, rest = divmod(whole, 3600)
    if hours >= 100:
        return f"{hours // 24}d {hours % 24:02d}h"
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}"


def span(seconds: float | None) -> str:
    """A duration in its two largest units: `9h20m`, `1d02h`, `45s`; empty for None."""
    if seconds is None or not math.isfinite(seconds):
        return ""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02d}h"


def gigabytes(count: int | None) -> str:
    """Bytes as `61G` or `512M`; empty for None."""
    if count is None:
        return ""
    if count >= 2**30:
        return f"{count / 2**30:.0f}G"
    return f"{count / 2**20:.0f}M"


def plural(count: int, noun: str) -> str:
    """`1 trial`, `3 trials`, `2 studies`."""
    if count == 1:
        return f"1 {noun}"
    return f"{count} {noun[:-1]}ies" if noun.endswith("y") else f"{count} {noun}s"


def value_of(values: dict[str, Any], metric: str | None) -> float | None:
    """The objective's value of a trial as a float; None when it has none, NaN and infinities as themselves."""
    if metric is None or metric not in values:
        return None
    try:
        return float(values[metric])
    except (TypeError, ValueError):
        return None
