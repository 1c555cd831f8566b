"""Tables on stdout: whole in a pipe, fitted to the width of a terminal.

Owns the layout; the text of the cells is `tuned.cli.render`'s.
"""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Sequence

import click

from tuned.cli.render import COLOURS
from tuned.core.text import printable

RIGHT = frozenset({"number", "value", "priority", "attempt", "step", "duration", "trials", "eta", "seq"})
"""Headings of columns that are read from the right."""

FREE = ("params", "question", "note", "reason")
"""Headings of free text: these columns shrink first, the first one named before the others."""

LEFT_OUT = (
    "created",
    "origin",
    "attempt",
    "device",
    "priority",
    "eta",
    "duration",
    "question",
    "note",
    "params",
    "reason",
)
"""Headings of columns that a narrow terminal leaves out, the least needed first; no other column is ever left out."""

WIDE, NARROW = 24, 8
"""Columns of the terminal that free text keeps: before another column is left out, and at least."""

GAP = "  "


def show_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; columns without any content are left out.

    Args:
        headings: One word a column; `=` in front marks a column of numbers, `~` one of numbers that a narrow terminal
            leaves out, the last one first.
        rows: Cells as text, one list a row, as long as `headings`.
    """
    numeric = {heading.lstrip("=~") for heading in headings if heading[:1] in ("=", "~") or heading in RIGHT}
    used = [i for i in range(len(headings)) if any(row[i] not in ("", "-") for row in rows)]
    spare = [place for place, i in enumerate(used) if headings[i].startswith("~")]
    headings = [headings[i].lstrip("=~") for i in used]
    rows = [[" ".join(printable(row[i]).split()) for i in used] for row in rows]
    widths = [max(_width(line[i]) for line in (headings, *rows)) for i in range(len(headings))]
    terminal = sys.stdout.isatty()
    # An exported COLUMNS may be another terminal's: the one that is written to is asked.
    room = os.get_terminal_size(sys.stdout.fileno()).columns if terminal else 0
    kept = fitted(headings, widths, room, spare) if room else dict(enumerate(widths))
    coloured = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    lines = []
    for row in (headings, *rows):
        cells = [_cell(row[i], width, headings[i] in numeric) for i, width in kept.items()]
        if coloured:
            cells = [_styled(cell, headings[i], row is headings) for i, cell in zip(kept, cells, strict=True)]
        lines.append(GAP.join(cells).rstrip())
    click.echo("\n".join(lines))
    missing = [heading for i, heading in enumerate(headings) if i not in kept]
    if missing:
        click.echo(f"left out at this width: {', '.join(missing)}")


def fitted(headings: Sequence[str], widths: Sequence[int], room: int, spare: Sequence[int] = ()) -> dict[int, int]:
    """The columns that are shown on a terminal, by index, with their widths.

    Free text shrinks first, then columns are left out in the order of `LEFT_OUT`. Where even that is not enough the
    rest is wider than `room`, and the terminal folds the lines: nothing else is cut.

    Args:
        headings: One word a column.
        widths: Width of each column's longest cell, in columns of the terminal.
        room: Width of the terminal.
        spare: Columns that go when the times have gone, before the free text does: the last one first.

    Example:
        >>> fitted(["number", "state", "params"], [6, 11, 60], 40)
        {0: 6, 1: 11, 2: 19}
    """
    kept = dict(enumerate(widths))
    _shrink(kept, headings, room, WIDE)
    for heading in LEFT_OUT:
        if _excess(kept, room) <= 0:
            return kept
        if heading in FREE:
            _shrink(kept, headings, room, NARROW)
            if _excess(kept, room) <= 0:
                return kept
        for i in (i for i in range(len(headings)) if headings[i] == heading and i not in spare):
            kept.pop(i, None)
        if heading == "duration":
            for i in reversed(spare):
                if _excess(kept, room) > 0:
                    kept.pop(i)
    return kept


def _excess(kept: dict[int, int], room: int) -> int:
    return sum(kept.values()) + len(GAP) * (len(kept) - 1) - room


def _shrink(kept: dict[int, int], headings: Sequence[str], room: int, least: int) -> None:
    for heading in FREE:
        for i in kept:
            if headings[i] == heading and (excess := _excess(kept, room)) > 0:
                kept[i] = max(min(kept[i], least), kept[i] - excess)


def _cell(text: str, width: int, right: bool) -> str:
    if _width(text) > width:
        while _width(text) >= width:
            text = text[:-1]
        text = text.rstrip() + "…"
    gap = " " * (width - _width(text))
    return gap + text if right else text + gap


def _styled(cell: str, heading: str, is_heading: bool) -> str:
    if is_heading:
        return click.style(cell, bold=True)
    colours = [COLOURS[word] for word in cell.split() if word in COLOURS] if heading == "state" else []
    return click.style(cell, fg=colours[0]) if colours else cell


def _width(text: str) -> int:
    """Columns that the text takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
