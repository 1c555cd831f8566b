"""One measured figure and how a table of them is printed.

Owns the words of the report. It measures nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A figure beside its target.

    Attributes:
        name: Measured quantity.
        measured: The median with its unit.
        target: Bound that it is to keep.
        reached: Whether it is.
        how: The method in one line: what was counted, how often, and what stands beside it.
    """

    name: str
    measured: str
    target: str
    reached: bool
    how: str


def table(figures: Sequence[Figure]) -> str:
    """The figures as a Markdown table."""
    rows = [("figure", "median", "target", "", "how measured")]
    rows += [(f.name, f.measured, f.target, "ok" if f.reached else "MISSED", f.how) for f in figures]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    lines = ["| " + " | ".join([*(row[i].ljust(widths[i]) for i in range(4)), row[4]]) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|---|")
    return "\n".join(lines)


def spread(values: Sequence[float], digits: int = 1) -> str:
    """`12.1-15.9`: the smallest and the largest, to stand beside a median."""
    return f"{min(values):.{digits}f}-{max(values):.{digits}f}"
