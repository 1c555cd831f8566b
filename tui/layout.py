"""Places of the panes on a screen of a given size. Pure, so that every size can be tested without a terminal.

Owns the breakpoints: below 60x16 the list alone; below 120 columns one pane and a strip of charts; below 160 the trials
and a right column; from 160 on three columns and a bottom row. Computed rather than a style sheet's grid: which panes
share the screen follows the pane with the keys, and some heights follow the number of lines to show.
"""

from __future__ import annotations

from dataclasses import dataclass

PANES = ("trials", "curves", "devices", "log", "events")
"""Panes in the order of the keys 1-5."""

LABELS = {"trials": "Trials", "curves": "Curves", "devices": "Slots", "log": "Log", "events": "Events"}


@dataclass(frozen=True, slots=True)
class Rect:
    """Cells of a pane: position and size."""

    x: int
    y: int
    width: int
    height: int


def size_class(width: int, height: int) -> str:
    """`minimal`, `narrow`, `medium` or `wide`."""
    if width < 60 or height < 16:
        return "minimal"
    if width < 120:
        return "narrow"
    return "medium" if width < 160 else "wide"


def frame(width: int, height: int) -> dict[str, Rect]:
    """The lines around the panes of a screen: head and tabs above them, keys below."""
    return {"head": Rect(0, 0, width, 1), "tabs": Rect(0, 1, width, 1), "keys": Rect(0, height - 1, width, 1)}


def arrange(width: int, height: int, current: str, zoomed: bool = False, sides: bool = True) -> dict[str, Rect]:
    """The rectangle of each visible part: `head`, `tabs`, `keys`, `notice` and the panes.

    Args:
        width: Cells of the screen.
        height: Lines of the screen.
        current: The pane that has the keys.
        zoomed: Only the current pane.
        sides: Whether side columns are shown.
    """
    kind = size_class(width, height)
    parts = frame(width, height)
    if kind == "minimal":
        del parts["tabs"]
        return _one(parts, current, width, 1, height - 1)
    if zoomed or (kind == "narrow" and not sides):
        return _one(parts, current, width, 2, height - 1)
    if kind == "narrow":
        placed = _narrow(current, width, height)
    elif kind == "medium":
        placed = _medium(current, width, height, sides)
    else:
        placed = _wide(width, height, sides)
    if current not in placed:
        return _one(parts, current, width, 2, height - 1)
    return {**parts, **placed}


def _one(parts: dict[str, Rect], current: str, width: int, top: int, bottom: int) -> dict[str, Rect]:
    parts[current] = Rect(0, top, width, bottom - top)
    return parts


def _narrow(current: str, width: int, height: int) -> dict[str, Rect]:
    parts: dict[str, Rect] = {}
    strip = 9 if height >= 22 else 6
    bottom = height - 1
    if current != "trials":
        # The table stays in sight above, so that a trial can be chosen while its log or curve is read.
        table = max(6, (bottom - 2) // 3) if current in ("curves", "log") and height >= 22 else 0
        if table:
            parts["trials"] = Rect(0, 2, width, table)
        parts[current] = Rect(0, 2 + table, width, bottom - 2 - table)
        return parts
    left = width * 11 // 20
    parts["trials"] = Rect(0, 2, width, bottom - strip - 2)
    parts["curves"] = Rect(0, bottom - strip, left, strip)
    parts["best"] = Rect(left, bottom - strip, width - left, strip)
    return parts


def _medium(current: str, width: int, height: int, sides: bool) -> dict[str, Rect]:
    parts: dict[str, Rect] = {}
    top, bottom = 2, height - 1
    body = bottom - top
    right = max(44, width * 2 // 5) if sides else 0
    left = width - right
    low = max(6, body // 3)
    main = "studies" if current == "studies" else "trials"
    parts[main] = Rect(0, top, left, body - low)
    lower = current if current in ("devices", "events") else "log"
    parts[lower] = Rect(0, bottom - low, left, low)
    if sides:
        half = body // 2
        parts["curves"] = Rect(left, top, right, half)
        parts["best"] = Rect(left, top + half, right, body - half)
    return parts


def _wide(width: int, height: int, sides: bool) -> dict[str, Rect]:
    parts: dict[str, Rect] = {}
    top, bottom = 2, height - 1
    low = max(6, (bottom - top) // 4)
    middle_bottom = bottom - low
    body = middle_bottom - top
    left = 30 if sides else 0
    right = max(48, width * 3 // 10) if sides else 0
    parts["trials"] = Rect(left, top, width - left - right, body)
    if sides:
        listed = max(6, body * 2 // 5)
        parts["studies"] = Rect(0, top, left, listed)
        parts["facts"] = Rect(0, top + listed, left, body - listed)
        half = body * 11 // 20
        parts["curves"] = Rect(width - right, top, right, half)
        parts["best"] = Rect(width - right, top + half, right, body - half)
    slots = max(36, width // 4)
    rest = width - slots
    parts["devices"] = Rect(0, middle_bottom, slots, low)
    parts["log"] = Rect(slots, middle_bottom, rest * 11 // 20, low)
    parts["events"] = Rect(slots + rest * 11 // 20, middle_bottom, rest - rest * 11 // 20, low)
    return parts
