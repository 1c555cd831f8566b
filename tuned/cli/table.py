"""Tables on stdout: whole in a pipe, fitted to the width of a terminal.

Owns the layout; the text of the cells is `tuned.cli.render`'s.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Mapping, Sequence

import click

from tuned.cli.lines import room, show_line
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

WIDE, NARROW = 24, 16
"""Columns of the terminal that free text keeps: before another column is left out, and before it goes itself."""

GAP = "  "


def show_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; columns without any content are left out.

    Args:
        headings: One word a column; `=` in front marks a column of numbers, `~` before that one that a narrow terminal
            leaves out, the last one first.
        rows: Cells as text, one list a row, as long as `headings`.
    """
    numeric = {
        _one_line(heading.lstrip("=~")) for heading in headings if heading.lstrip("~")[:1] == "=" or heading in RIGHT
    }
    used = [i for i in range(len(headings)) if any(row[i] not in ("", "-") for row in rows)]
    spare = [place for place, i in enumerate(used) if headings[i].startswith("~")]
    headings = [_one_line(headings[i].lstrip("=~")) for i in used]
    rows = [[_one_line(row[i]) for i in used] for row in rows]
    widths = [max(_width(line[i]) for line in (headings, *rows)) for i in range(len(headings))]
    columns = room()
    kept = fitted(headings, widths, columns, spare) if columns else dict(enumerate(widths))
    coloured = columns and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    lines = []
    for row in (headings, *rows):
        cells = [_cell(row[i], width, headings[i] in numeric) for i, width in kept.items()]
        if coloured:
            cells = [_styled(cell, headings[i], row is headings) for i, cell in zip(kept, cells, strict=True)]
        lines.append(GAP.join(cells).rstrip())
    click.echo("\n".join(lines))
    missing = [heading for i, heading in enumerate(headings) if i not in kept]
    if missing:
        show_line(f"left out at this width: {', '.join(missing)}", hanging="    ")


def fitted(headings: Sequence[str], widths: Sequence[int], columns: int, spare: Sequence[int] = ()) -> dict[int, int]:
    """The columns that are shown on a terminal, by index, with their widths.

    Free text shrinks first, then columns are left out in the order of `LEFT_OUT`, and what is left of the free text has
    the room. Where even that is not enough the rest is wider than the terminal, which folds it: nothing else is cut.

    Args:
        headings: One word a column.
        widths: Width of each column's longest cell, in columns of the terminal.
        columns: Width of the terminal.
        spare: Columns that go when the times have gone, before the free text does: the last one first.

    Example:
        >>> fitted(["number", "state", "params"], [6, 11, 60], 40)
        {0: 6, 1: 11, 2: 19}
    """
    free = {i for i, heading in enumerate(headings) if heading in FREE}
    least = {i: min(width, WIDE) if i in free else width for i, width in enumerate(widths)}
    for heading in LEFT_OUT:
        named = [i for i in least if headings[i] == heading and i not in spare]
        if _excess(least, columns) > 0 and heading in FREE:
            least |= {i: min(least[i], NARROW) for i in named}
        if _excess(least, columns) > 0:
            least = {i: width for i, width in least.items() if i not in named}
        for i in reversed(spare if heading == "duration" else ()):
            if _excess(least, columns) > 0:
                del least[i]
    kept = {i: widths[i] for i in least}
    for i in sorted(free & set(kept), key=lambda i: FREE.index(headings[i])):
        kept[i] -= min(kept[i] - least[i], max(0, _excess(kept, columns)))
    return kept


def _one_line(text: str) -> str:
    return " ".join(printable(text).split())


def _excess(kept: Mapping[int, int], columns: int) -> int:
    return sum(kept.values()) + len(GAP) * (len(kept) - 1) - columns


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
