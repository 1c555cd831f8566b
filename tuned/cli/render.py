"""Values as a person reads them: numbers, lengths of time, sizes, states, points.

Owns that formatting; prints nothing and knows no table.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tuned.wire import BestRow, Number


GLYPHS = {
    "queued": "·",
    "starting": "◌",
    "running": "●",
    "paused": "‖",
    "draining": "◑",
    "completed": "✓",
    "failed": "✗",
    "pruned": "✂",
    "cancelled": "∅",
    "lost": "?",
    "stopped": "■",
}
COLOURS = {
    "running": "cyan",
    "starting": "cyan",
    "draining": "cyan",
    "paused": "yellow",
    "completed": "green",
    "failed": "red",
    "lost": "red",
    "pruned": "magenta",
}
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def state(name: str) -> str:
    """A state's glyph and word."""
    return f"{GLYPHS.get(name, ' ')} {name}"


def number(value: Number | None) -> str:
    """A metric's value in at most five significant digits."""
    if value is None:
        return "-"
    if isinstance(value, str | bool):
        return str(value)
    if isinstance(value, int) or (abs(value) < 1e6 and value == int(value)):
        return str(int(value))
    return f"{value:.5g}"


def parameter(value: Any) -> str:
    """A parameter's value: what one would write after `key=`."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value)


def point(params: Mapping[str, Any]) -> str:
    """`lr=0.01 width=64`."""
    return " ".join(f"{name}={parameter(value)}" for name, value in params.items()) or "-"


def values(found: Mapping[str, Number]) -> str:
    """`val_loss=0.12`."""
    return " ".join(f"{name}={number(value)}" for name, value in found.items()) or "-"


def best(row: BestRow | None) -> str:
    """`val_loss=0.12 (trial 7: lr=0.01)`; one that was stopped early says so."""
    if row is None:
        return "-"
    early = ", stopped early" if row.cut else ""
    return f"{values(row.values)} (trial {row.number}{early}: {point(row.params)})"


def duration(seconds: float | None) -> str:
    """A length of time in its two largest units."""
    if seconds is None:
        return "-"
    if seconds < 10:
        return f"{max(0.0, seconds):.1f}s"
    whole = round(seconds)
    for size, name, small, small_name in ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if whole >= size:
            return f"{whole // size}{name} {whole % size // small:02d}{small_name}"
    return f"{whole}s"


def span(start: float | None, end: float | None) -> str:
    """How long something took, or takes so far."""
    return "-" if start is None else duration((time.time() if end is None else end) - start)


def moment(at: float) -> str:
    """A time of day, with its date when that is not today."""
    local, today = time.localtime(at), time.localtime()
    return time.strftime("%H:%M:%S" if local[:3] == today[:3] else "%Y-%m-%d %H:%M:%S", local)


def size(bytes_: float | None) -> str:
    """Bytes in the unit that fits."""
    if bytes_ is None:
        return "-"
    for unit in _UNITS:
        if bytes_ < 1024 or unit == _UNITS[-1]:
            return f"{bytes_:.0f} {unit}" if unit == "B" else f"{bytes_:.1f} {unit}"
        bytes_ /= 1024
    raise AssertionError("the last unit takes everything")


def count(number: int, noun: str) -> str:
    """`1 slot`, `2 slots`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def counts(found: Mapping[str, int]) -> str:
    """`12 completed, 2 running`."""
    return ", ".join(f"{found[name]} {name}" for name in found if found[name]) or "no trials"


def device(identifier: str) -> str:
    """A slot's name, short: the beginning of a GPU's UUID."""
    return identifier[:12] if identifier.startswith("GPU-") else identifier


def one_line(text: str, width: int = 80) -> str:
    """The text on one line, cut with an ellipsis."""
    flat = " ".join(text.split())
    return flat if len(flat) <= width else flat[: width - 1] + "…"
