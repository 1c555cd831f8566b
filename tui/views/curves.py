"""The charts: the selected trial's curve beside the best one and the pinned ones, and the best value so far."""

from __future__ import annotations

from tui import format as fmt
from tui.braille import Series, fit_range, legend, plot, smoothed, use_log
from tui.cells import Line, clean
from tui.context import Context
from tui.views.frame import pane_title


def curve_series(context: Context, metric: str | None = None) -> list[Series]:
    """Best, pinned and selected trial, smoothed where that is set.

    The selected one is last, so that it is drawn on top. A legend names the last ones first: what was asked for by hand
    stands before the best one, which is cut first where there is no room.
    """
    store, view = context.store, context.chart
    metric = metric or store.chart_metric
    series: list[Series] = []
    chosen = store.drawn[-1:]
    for number, style in sorted(context.styles().items(), key=lambda item: item[0] != store.best or item[0] in chosen):
        name = f"#{number}" + (" (best)" if number == store.best else "")
        row = store.study_row
        train = row.objective.train if row and row.objective and metric == row.objective.metric else None
        twin = [(clean(train), "series5", train)] if train and number in chosen else []
        for name_, style_, shown in (*twin, (name, style, metric)):
            points = store.curve(number, shown)
            if view.clock:
                points = store.curves.by_clock((store.study or "", number), points)
            if points:
                series.append(smoothed(Series(name_, points, style_), view.smooth))
    return series


def curves(context: Context, width: int, height: int, focused: bool) -> list[Line]:
    """The learning curves of one metric, or a chart for each metric of the trial."""
    names = context.store.metric_names()
    if context.chart.grid and len(names) > 1 and height >= 10:
        return _grid(context, names, width, height, focused)
    return _chart(context, context.store.chart_metric, width, height, focused)


def _grid(context: Context, names: list[str], width: int, height: int, focused: bool) -> list[Line]:
    """As many charts as there is room for, the objective's first."""
    columns = max(1, min(len(names), width // 38))
    rows = max(1, min(-(-len(names) // columns), height // 8))
    shown = sorted(names, key=lambda name: name != context.store.objective)[: columns * rows]
    size = width // columns
    lines: list[Line] = []
    for row in range(rows):
        tall = height // rows + (height % rows if row == rows - 1 else 0)
        band = shown[row * columns : (row + 1) * columns]
        last = width - size * (len(band) - 1)
        charts = [
            _chart(context, name, size - 1 if place < len(band) - 1 else last, tall, focused and name == shown[0])
            for place, name in enumerate(band)
        ]
        rail = (context.glyphs.rail, "rule")
        for first, *others in zip(*charts, strict=True):
            lines.append((*first, *(span for part in others for span in (rail, *part))))
    return lines


def _chart(context: Context, metric: str | None, width: int, height: int, focused: bool) -> list[Line]:
    """Title, legend and chart of a metric."""
    store, glyphs, view = context.store, context.glyphs, context.chart
    series = curve_series(context, metric)
    log = view.log if view.log is not None else use_log(series)
    title = f"Curve #{store.selected}" if store.selected is not None else "Curve"
    parts = [clean(metric or "")]
    parts += ["log"] if log and series else []
    parts += [f"smooth {view.smooth:g}"] if view.smooth and series else []
    parts += [f"{'min' if view.clock else 'step'} {fmt.step(round(view.cross, 2))}"] if view.cross is not None else []
    lines = [pane_title(title, f" {glyphs.dot} ".join(parts), width, glyphs, focused)]
    shown = zoomed(series, view.zoom)
    kind = f"{log} {view.smooth} {view.zoom} {view.clock}"
    y_range = _kept_range(context, f"curve {store.study} {store.selected} {metric} {kind}", shown, log)
    if height >= 7 and series:
        lines.append(legend(series, width, glyphs, view.cross))
    lines += plot(
        shown,
        width,
        height - len(lines),
        glyphs,
        log=log,
        y_range=y_range,
        x_range=view.zoom if shown else None,
        x_name="min" if view.clock else "step",
        empty=_empty(context),
        cross=view.cross,
    )
    return lines[:height]


def zoomed(series: list[Series], zoom: tuple[float, float] | None) -> list[Series]:
    """The parts of the curves that lie in the zoomed range."""
    if zoom is None:
        return series
    cut = [Series(s.name, [p for p in s.points if zoom[0] <= p[0] <= zoom[1]], s.style) for s in series]
    return [s for s in cut if s.points]


def ends(series: list[Series]) -> tuple[float, float] | None:
    """The first and the last x of all curves; None without any."""
    xs = [x for s in series for x in (s.points[0][0], s.points[-1][0])]
    return (min(xs), max(xs)) if xs and max(xs) > min(xs) else None


def best_so_far(context: Context, width: int, height: int, focused: bool) -> list[Line]:
    """Title and chart of the best value over the finished trials."""
    store, glyphs = context.store, context.glyphs
    points = store.best_so_far()
    series = [Series("best", points, "series1")] if points else []
    log = context.chart.log if context.chart.log is not None else use_log(series)
    extra = fmt.number(points[-1][1]) if points else ""
    if points and log:
        extra += f" {glyphs.dot} log"
    lines = [pane_title("Best so far", extra, width, glyphs, focused)]
    y_range = _kept_range(context, f"best {store.study} {log}", series, log)
    empty = "no objective" if store.study_row is not None and store.objective is None else "no finished trial yet"
    lines += plot(series, width, height - 1, glyphs, log=log, y_range=y_range, x_name="trials", empty=empty)
    return lines[:height]


def _kept_range(context: Context, key: str, series: list[Series], log: bool):  # type: ignore[no-untyped-def]
    ranges = context.chart.ranges
    found = fit_range(series, log, ranges.get(key))
    if found is not None:
        if len(ranges) > 64:
            ranges.clear()
        ranges[key] = found
    return found


def _empty(context: Context) -> str:
    store = context.store
    row = store.trial(store.selected)
    if row is None:
        return "no trial selected" if store.trials else ""
    return "it has not started" if row.state == "queued" and not row.attempt else "no values yet"
