"""A table of results, and how it reads as text, Markdown, CSV and LaTeX.

Owns that rendering. Standard library only: the command line and the terminal UI render what the analysis computed.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tuned.core import words
from tuned.protocol import encode_all

Format = Literal["text", "number", "count", "share", "seconds", "bytes", "interval", "shares", "flag"]
Cell = Any
"""`None` (unknown), text, number, truth value, or `(low, high)` for an interval, of numbers or of `shares`."""

PAIRS = ("interval", "shares")
STYLES = ("md", "csv", "latex")
_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `name` in JSON and CSV, `title` for people (default: the name), and what its cells are."""

    name: str
    format: Format = "text"
    title: str = ""

    @property
    def heading(self) -> str:
        """The heading for people."""
        return self.title or self.name

    @property
    def is_numeric(self) -> bool:
        """Whether it is read from the right."""
        return self.format not in ("text", "flag")


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under columns.

    Attributes:
        name: One word or path that tells it from the answer's other tables: `effects.lr`.
        title: One line above it.
        rows: Cells in the order of `columns`, raw: text is made of them only when it is shown.
        notes: Warnings for its reader (confounding, few trials), one sentence each.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON: `columns` as `{name, format, title}`, `rows` as objects by column name."""
        return {
            "name": self.name,
            "title": self.title,
            "columns": [{"name": c.name, "format": c.format, "title": c.heading} for c in self.columns],
            "rows": [dict(zip((c.name for c in self.columns), encode_all(row), strict=True)) for row in self.rows],
            "notes": list(self.notes),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Table:
        """The inverse of `to_dict`; non-finite numbers stay the words they became."""
        columns = tuple(Column(c["name"], c["format"], c["title"]) for c in data["columns"])
        rows = tuple(tuple(row[c.name] for c in columns) for row in data["rows"])
        return cls(data["name"], data["title"], columns, rows, tuple(data["notes"]))

    def texts(self) -> list[list[str]]:
        """The cells as a person reads them."""
        return [[show(cell, c.format) for c, cell in zip(self.columns, row, strict=True)] for row in self.rows]

    def render(self, style: str) -> str:
        """The whole table in one of `STYLES`, ending in a newline."""
        return {"md": self._markdown, "csv": self._csv, "latex": self._latex}[style]()

    def _markdown(self) -> str:
        def line(cells: Sequence[str]) -> str:
            return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

        rule = "|" + "|".join(" ---: " if c.is_numeric else " --- " for c in self.columns) + "|"
        lines = [f"**{self.title}**", "", line([c.heading for c in self.columns]), rule]
        lines += [line(row) for row in self.texts()]
        lines += [text for note in self.notes for text in ("", note)]
        return "\n".join(lines) + "\n"

    def _csv(self) -> str:
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([name for c in self.columns for name in _csv_names(c)])
        for row in self.rows:
            writer.writerow([x for c, cell in zip(self.columns, row, strict=True) for x in _csv_cells(c, cell)])
        return out.getvalue()

    def _latex(self) -> str:
        def line(cells: Sequence[str]) -> str:
            return "  " + " & ".join(_escaped(cell) for cell in cells) + r" \\"

        spec = "".join("r" if c.is_numeric else "l" for c in self.columns)
        lines = [rf"% {self.title}".replace("\n", " "), rf"\begin{{tabular}}{{{spec}}}", r"  \hline"]
        lines += [line([c.heading for c in self.columns]), r"  \hline", *(line(row) for row in self.texts())]
        lines += [r"  \hline", r"\end{tabular}", *(f"% {note}" for note in self.notes)]
        return "\n".join(lines) + "\n"


def _csv_names(column: Column) -> list[str]:
    return [f"{column.name}_low", f"{column.name}_high"] if column.format in PAIRS else [column.name]


def _csv_cells(column: Column, cell: Cell) -> list[Any]:
    if column.format in PAIRS:
        return ["", ""] if cell is None else [encode_all(part) for part in cell]
    return ["" if cell is None else encode_all(cell)]


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(char, char) for char in text)


def show(cell: Cell, format: Format) -> str:
    """A cell as a person reads it; `-` for what is unknown."""
    if cell is None:
        return words.UNKNOWN
    if format == "interval":
        low, high = cell
        return f"{number(low)} .. {number(high)}"
    if format == "flag":
        return "yes" if cell else "no"
    if format == "shares":
        low, high = cell
        return f"{100 * low:.0f} .. {100 * high:.0f} %"
    if isinstance(cell, str | bool) or format == "text":
        return number(cell) if isinstance(cell, float) else str(cell)
    if format == "share":
        return f"{100 * cell:.0f} %"
    if format == "seconds":
        return words.duration(cell)
    if format == "bytes":
        return words.size(cell)
    return number(cell)


def number(value: float | str) -> str:
    """Four significant digits, whole numbers whole: statistics are seldom known better."""
    return words.number(value, 4)
