"""Tables on stdout: by rich on a terminal, plain aligned columns everywhere else.

Owns that choice; what stands in the cells is `tuned.cli.render`'s.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Sequence

import click

from tuned.cli.render import COLOURS

RIGHT = frozenset({"number", "value", "priority", "attempt", "step", "duration", "trials", "eta", "seq"})
"""Headings of columns that are read from the right."""

FREE = frozenset({"params", "reason", "question", "note"})
"""Headings of columns that give way on a narrow terminal."""


def show_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; columns without any content are left out.

    Args:
        headings: One word a column; `=` in front marks a column of numbers.
        rows: Cells as text, one list a row, as long as `headings`.
    """
    numeric = [heading.startswith("=") or heading in RIGHT for heading in headings]
    used = [i for i in range(len(headings)) if any(row[i] not in ("", "-") for row in rows)]
    numeric = [numeric[i] for i in used]
    headings = [headings[i].removeprefix("=") for i in used]
    rows = [[" ".join(row[i].split()) for i in used] for row in rows]
    if sys.stdout.isatty():
        _rich(headings, rows, numeric)
    else:
        _plain(headings, rows, numeric)


def _plain(headings: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[bool]) -> None:
    widths = [max(_width(line[i]) for line in (headings, *rows)) for i in range(len(headings))]
    for line in (headings, *rows):
        cells = []
        for right, text, width in zip(numeric, line, widths, strict=True):
            gap = " " * (width - _width(text))
            cells.append(gap + text if right else text + gap)
        click.echo("  ".join(cells).rstrip())


def _rich(headings: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[bool]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for i, heading in enumerate(headings):
        # Only the columns of free text give way on a narrow terminal.
        needed = max(_width(line[i]) for line in (headings, *rows))
        table.add_column(
            heading,
            justify="right" if numeric[i] else "left",
            no_wrap=True,
            overflow="ellipsis",
            min_width=min(needed, 8) if heading in FREE else needed,
        )
    for row in rows:
        cells = [Text(cell) for cell in row]
        for heading, cell in zip(headings, cells, strict=True):
            if heading == "state":
                cell.stylize(COLOURS.get(cell.plain.split()[-1], ""))
        table.add_row(*cells)
    Console().print(table)


def _width(text: str) -> int:
    """Columns that the text takes on a terminal."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
