"""Pictures as SVG text that reads on light and on dark paper: lines of text and axes take the page's colour.

Owns the style and the conversion; what is drawn is `tuned.analyses.reporting.plots`'.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from tuned.analyses.study_data import Floats

INK = "#0a0b0c"
"""Stands for the page's own colour until the picture is done."""
FAINT = "#8a8f98"
BLUE, ORANGE, GREEN, RED, PURPLE, BROWN = "#3b82c4", "#e08214", "#2f9e6e", "#d9534f", "#9467bd", "#a0785a"
TEAL = "#63b5b0"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, RED, BROWN)
MANY = 800
ABOVE: dict[str, Any] = {
    "fontsize": 8, "loc": "lower right", "bbox_to_anchor": (1.0, 1.0), "borderaxespad": 0.1, "columnspacing": 1.2,
}  # fmt: skip
"""Where legends stand: above the axes, so that they cover nothing."""
"""Points from which on they are put into the picture as one image."""

STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": FAINT,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "xtick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.color": FAINT,
    "ytick.labelcolor": INK,
    "text.color": INK,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.frameon": False,
    "lines.linewidth": 1.6,
}


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture with what it says in words: `alt` for those who do not see it, `caption` below it."""

    name: str
    svg: str
    alt: str
    caption: str


@contextmanager
def style() -> Iterator[None]:
    """Everything drawn inside looks like the report."""
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": "tuned"}):
        yield


def logarithmic(axis: Any, values: Floats) -> None:
    """Make an axis (`axes.xaxis`) logarithmic, with plain numbers: 1, 2, 5 of each power of ten where there is room.

    Left linear where the ends of the axis would be no floats.
    """
    finite = values[np.isfinite(values) & (values > 0)]
    low, high = (float(np.log10(end)) for end in (finite.min(), finite.max())) if len(finite) else (0.0, 1.0)
    decades = high - low
    if high + decades / 5 > 300 or low - decades / 5 < -300:
        return
    axis.axes.set_xscale("log") if axis.axis_name == "x" else axis.axes.set_yscale("log")
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if decades < 2.2 else (1.0,), numticks=8))
    axis.set_minor_formatter(NullFormatter())
    if decades < 5:
        axis.set_major_formatter(lambda value, _: f"{value:g}")


def picture(figure: Figure, name: str, alt: str, caption: str) -> Picture:
    """The figure as an inline SVG element; ids are made the picture's own, so that many stand on one page."""
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = text.replace(INK, "currentColor")
    prefix = re.sub(r"[^a-z0-9]+", "-", name.lower())
    text = re.sub(r'\bid="', f'id="{prefix}-', text)
    text = re.sub(r"url\(#", f"url(#{prefix}-", text)
    text = re.sub(r'href="#', f'href="#{prefix}-', text)
    # The page scales it: a width in points would not fit a telephone.
    style = r'<svg \1style="width:100%;max-width:\2pt;--own:\2pt"'
    text = re.sub(r'<svg ([^>]*?)width="([\d.]+)pt"', style, text, count=1)
    text = re.sub(r'(<svg [^>]*?)\s*height="[\d.]+pt"', r"\1", text, count=1)
    return Picture(name, re.sub(r"\s*\n\s*", "\n", text), alt, caption)
