"""Curves as lines of text: braille dots on a linear or logarithmic axis.

Owns scaling, ticks, decimation (per dot column the lowest and the highest value survive, so spikes stay visible), gaps
at values that are not finite, and the legend. Pure: no widget, no store.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from tui import format as fmt
from tui.cells import Line, Span, cut_line, fit, fit_line
from tui.glyphs import Glyphs

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_ASCII = {0: " ", 1: "'", 2: ".", 3: ":"}
MAX_SERIES = 6
_CROSS = 0x100
"""Mask of a cell that only the line through an x crosses."""


@dataclass(frozen=True, slots=True)
class Series:
    """One curve: `points` are (x, y) in rising x; a y that is not finite is a gap."""

    name: str
    points: Sequence[tuple[float, float]]
    style: str = "series0"


@dataclass(frozen=True, slots=True)
class Range:
    """The values that the y axis spans, `low < high`."""

    low: float
    high: float


def fit_range(series: Sequence[Series], log: bool, previous: Range | None = None) -> Range | None:
    """The y range to draw.

    Keeps `previous` while the data lie inside and fill most of it, so that a live chart does not redraw every line
    for every new point. None when there is nothing to draw.
    """
    ys = [y for s in series for _, y in s.points if math.isfinite(y) and (not log or y > 0)]
    if not ys:
        return None
    low, high = min(ys), max(ys)
    if previous and previous.low <= low and high <= previous.high:
        used = _scale(high, log) - _scale(low, log)
        if used >= 0.55 * (_scale(previous.high, log) - _scale(previous.low, log)):
            return previous
    if log:
        if high / low < 1.05:
            return Range(low / 1.1, high * 1.1)
        return Range(low / (high / low) ** 0.03, high * (high / low) ** 0.03)
    if high - low < 1e-12 * max(1.0, abs(high)):
        pad = abs(high) * 0.1 or 1.0
        return Range(low - pad, high + pad)
    pad = (high - low) * 0.04
    return Range(low - pad, high + pad)


def use_log(series: Sequence[Series]) -> bool:
    """Whether a logarithmic axis serves better: all values positive and spread over more than a factor of 20."""
    ys = [y for s in series for _, y in s.points if math.isfinite(y)]
    return bool(ys) and min(ys) > 0 and max(ys) / min(ys) > 20


def plot(
    series: Sequence[Series],
    width: int,
    height: int,
    glyphs: Glyphs,
    *,
    log: bool = False,
    y_range: Range | None = None,
    x_range: tuple[float, float] | None = None,
    x_name: str = "",
    empty: str = "no values yet",
    cross: float | None = None,
) -> list[Line]:
    """The chart in exactly `height` lines of `width` cells.

    Args:
        series: At most `MAX_SERIES`; later ones are drawn over earlier ones.
        width: Cells.
        height: Lines, the x axis included.
        glyphs: Braille or ASCII.
        log: Logarithmic y axis; values <= 0 are gaps then.
        y_range: From `fit_range`; fitted here when None.
        x_range: First and last x; fitted when None.
        x_name: Name of x, written into the axis.
        empty: Shown when there is nothing to draw.
        cross: An x with a line through it.
    """
    series = series[-MAX_SERIES:]
    span = y_range or fit_range(series, log)
    if span is None or width < 16 or height < 3:
        return [fit_line([(empty if row == (height - 1) // 2 else "", "dim")], width) for row in range(height)]
    ticks = _ticks(span, log, height - 1)
    labels = dict(ticks)
    gutter = min(8, max((len(text) for text in labels.values()), default=1))
    inner = width - gutter - 1
    rows = height - 1
    xs = x_range or _x_range(series)
    cells, styles = _draw(series, inner, rows, span, xs, log)
    lines: list[Line] = []
    at = None if cross is None else round((cross - xs[0]) / (xs[1] - xs[0]) * (inner - 1))
    for row in range(rows):
        if at is not None and 0 <= at < inner and not cells[row][at]:
            cells[row][at], styles[row][at] = _CROSS, "axis"
        label = labels.get(row)
        axis: Span = (fit(label or "", gutter, ">") + (glyphs.tick if label else glyphs.rail), "axis")
        lines.append(fit_line([axis, *_cells(cells[row], styles[row], glyphs)], width))
    lines.append(_x_axis(xs, inner, gutter, glyphs, x_name))
    return lines


def legend(series: Sequence[Series], width: int, glyphs: Glyphs, cross: float | None = None) -> Line:
    """The names of the curves with their last values, or those at `cross`; the one drawn on top first."""
    spans: list[Span] = []
    for s in reversed(series):
        value = fmt.number(value_at(s, cross))
        spans += [(f" {glyphs.curve} ", s.style), (f"{s.name} ", "text"), (f"{value} ", "strong")]
    return fit_line(cut_line(spans, width, glyphs.more), width)


def value_at(series: Series, x: float | None) -> float | None:
    """The value of the last point at or before x; None before the first one."""
    points = series.points if x is None else series.points[: bisect_right(series.points, x, key=lambda p: p[0])]
    return points[-1][1] if points else None


def smoothed(series: Series, weight: float) -> Series:
    """The moving average of a curve in which the past has this weight; gaps stay."""
    if not weight:
        return series
    points: list[tuple[float, float]] = []
    level, known = 0.0, 0.0
    for x, y in series.points:
        if math.isfinite(y):
            # Divided by the weight seen so far: the first values are not drawn towards zero.
            level, known = weight * level + (1 - weight) * y, weight * known + (1 - weight)
        points.append((x, level / known if math.isfinite(y) else y))
    return Series(series.name, points, series.style)


def sparkline(values: Sequence[float], width: int, glyphs: Glyphs, ends: tuple[float, float] | None = None) -> str:
    """The last `width` values as one row of levels, between `ends` or their own; not finite ones are blanks."""
    shown = list(values[-width:])
    finite = [v for v in shown if math.isfinite(v)]
    if not finite:
        return " " * width
    low, high = ends or (min(finite), max(finite))
    top = len(glyphs.eighths) - 1
    scale = top / (high - low) if high > low else 0
    levels = [None if not math.isfinite(v) else min(top, max(0, round((v - low) * scale))) for v in shown]
    text = "".join(" " if level is None else glyphs.eighths[level] for level in levels)
    return text.rjust(width)


def bar(fraction: float, width: int, glyphs: Glyphs) -> str:
    """A horizontal bar of `width` cells, filled from the left."""
    steps = len(glyphs.blocks) - 1
    units = round(max(0.0, min(1.0, fraction)) * width * steps)
    full, part = divmod(units, steps)
    text = glyphs.blocks[-1] * full + (glyphs.blocks[part] if part else "")
    return text.ljust(width)


def _scale(y: float, log: bool) -> float:
    return math.log10(y) if log else y


def _x_range(series: Sequence[Series]) -> tuple[float, float]:
    xs = [x for s in series for x, _ in (s.points[:1] and [s.points[0], s.points[-1]])]
    low, high = (min(xs), max(xs)) if xs else (0.0, 1.0)
    return (low, high) if high > low else (low, low + 1)


def _draw(
    series: Sequence[Series], columns: int, rows: int, span: Range, xs: tuple[float, float], log: bool
) -> tuple[list[list[int]], list[list[str]]]:
    """Dot masks and styles of each cell."""
    cells = [[0] * columns for _ in range(rows)]
    styles = [[""] * columns for _ in range(rows)]
    low, high = _scale(span.low, log), _scale(span.high, log)
    height, width = rows * 4, columns * 2
    y_unit = (height - 1) / (high - low)
    x_unit = (width - 1) / (xs[1] - xs[0])

    def dot(x: int, y: int, style: str) -> None:
        if 0 <= x < width and 0 <= y < height:
            cells[y // 4][x // 2] |= _DOTS[y % 4][x % 2]
            styles[y // 4][x // 2] = style

    for s in series:
        last: tuple[int, int] | None = None
        for column, first, lowest, highest, final in _columns(s.points, xs[0], x_unit, low, y_unit, height, log):
            if column is None:
                last = None
                continue
            if last is not None:
                _segment(last, (column, first), s.style, dot)
            for y in range(lowest, highest + 1):
                dot(column, y, s.style)
            last = (column, final)
    return cells, styles


def _columns(
    points: Sequence[tuple[float, float]], x0: float, x_unit: float, low: float, y_unit: float, height: int, log: bool
) -> list[tuple[int | None, int, int, int, int]]:
    """Per dot column: (column, first, lowest, highest, last) dot rows; a column of None is a gap."""
    result: list[tuple[int | None, int, int, int, int]] = []
    for x, y in points:
        if not math.isfinite(y) or (log and y <= 0):
            if result and result[-1][0] is not None:
                result.append((None, 0, 0, 0, 0))
            continue
        column = round((x - x0) * x_unit)
        row = height - 1 - round((_scale(y, log) - low) * y_unit)
        row = max(0, min(height - 1, row))
        if result and result[-1][0] == column:
            _, first, lowest, highest, _ = result[-1]
            result[-1] = (column, first, min(lowest, row), max(highest, row), row)
        else:
            result.append((column, row, row, row, row))
    return result


def _segment(start: tuple[int, int], end: tuple[int, int], style: str, dot: object) -> None:
    (x0, y0), (x1, y1) = start, end
    count = max(abs(x1 - x0), abs(y1 - y0))
    for i in range(1, count):
        dot(x0 + round((x1 - x0) * i / count), y0 + round((y1 - y0) * i / count), style)  # type: ignore[operator]


def _cells(masks: list[int], styles: list[str], glyphs: Glyphs) -> list[Span]:
    spans: list[Span] = []
    for mask, style in zip(masks, styles, strict=True):
        if not mask:
            text, style = " ", "text"
        elif mask == _CROSS:
            text = glyphs.rail
        elif glyphs.braille:
            text = chr(0x2800 + mask)
        else:
            text = _ASCII[(1 if mask & 0x1B else 0) | (2 if mask & 0xE4 else 0)]
        if spans and spans[-1][1] == style:
            spans[-1] = (spans[-1][0] + text, style)
        else:
            spans.append((text, style))
    return spans


def _ticks(span: Range, log: bool, rows: int) -> list[tuple[int, str]]:
    """(row, label) of the ticks, at least two rows apart; no two labels are alike."""
    values = _log_ticks(span) if log else _linear_ticks(span, max(2, rows // 3))
    low, high = _scale(span.low, log), _scale(span.high, log)
    result: list[tuple[int, float]] = []
    for value in sorted(values, reverse=True):
        row = round((high - _scale(value, log)) / (high - low) * (rows - 1))
        if 0 <= row < rows and (not result or row - result[-1][0] >= 2):
            result.append((row, value))
    digits = next((n for n in range(3, 13) if len({fmt.tick(v, n) for _, v in result}) == len(result)), 12)
    return [(row, fmt.tick(value, digits)) for row, value in result]


def _linear_ticks(span: Range, count: int) -> list[float]:
    raw = (span.high - span.low) / count
    unit = 10 ** math.floor(math.log10(raw))
    step = next((m * unit for m in (1, 2, 5, 10) if m * unit >= raw), 10 * unit)
    while True:
        first, last = math.ceil(span.low / step), math.floor(span.high / step)
        if last > first:
            return [float(f"{i * step:.12g}") for i in range(first, last + 1)]
        step /= 2


def _log_ticks(span: Range) -> list[float]:
    low, high = math.floor(math.log10(span.low)), math.ceil(math.log10(span.high))
    decades = high - low
    factors = (1.0,) if decades > 4 else (1.0, 3.0) if decades > 2 else (1.0, 2.0, 5.0)
    ticks = [f * 10.0**e for e in range(low, high + 1) for f in factors]
    ticks = [t for t in ticks if span.low <= t <= span.high]
    return ticks if len(ticks) >= 2 else [span.low, span.high]


def _x_axis(xs: tuple[float, float], inner: int, gutter: int, glyphs: Glyphs, name: str) -> Line:
    left, right = fmt.step(_short(xs[0])), fmt.step(_short(xs[1]))
    rest = inner - len(left) - len(right)
    if rest < 2:
        return fit_line([(" " * gutter + glyphs.corner + left, "axis")], gutter + 1 + inner)
    middle = name if name and len(name) + 4 <= rest else ""
    before = (rest - len(middle)) // 2
    axis = left + glyphs.rule * before + middle + glyphs.rule * (rest - before - len(middle)) + right
    return fit_line([(" " * gutter + glyphs.corner + axis, "axis")], gutter + 1 + inner)


def _short(x: float) -> float:
    return x if x == int(x) else float(f"{x:.4g}")
