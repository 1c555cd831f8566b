"""The charts: the selected trial's curve beside the best one and the pinned ones, and the best value so far."""

from __future__ import annotations

from tui import format as fmt
from tui.braille import Series, fit_range, legend, plot, use_log
from tui.cells import Line, clean
from tui.context import Context
from tui.views.frame import pane_title


def curve_series(context: Context) -> list[Series]:
    """Best, pinned and selected trial, the selected one last so that it is drawn on top."""
    store = context.store
    metric = store.chart_metric
    chosen = store.selected if store.selected is not None else store.best
    series: list[Series] = []
    if store.best is not None and store.best != chosen:
        series.append(Series(f"#{store.best} best", store.curve(store.best, metric), "series1"))
    others = [n for n in store.pinned if n not in (chosen, store.best)]
    series += [Series(f"#{n}", store.curve(n, metric), f"series{2 + i}") for i, n in enumerate(others[:3])]
    if chosen is not None:
        suffix = " best" if chosen == store.best else ""
        row = store.study_row
        train = row.objective.train if row and row.objective and metric == row.objective.metric else None
        if train and store.curve(chosen, train):
            series.append(Series(clean(train), store.curve(chosen, train), "series5"))
        series.append(Series(f"#{chosen}{suffix}", store.curve(chosen, metric), "series0"))
    return [s for s in series if s.points]


def curves(context: Context, width: int, height: int, focused: bool) -> list[Line]:
    """Title, legend and chart of the learning curves."""
    store, glyphs = context.store, context.glyphs
    series = curve_series(context)
    metric = store.chart_metric
    log = context.chart.log if context.chart.log is not None else use_log(series)
    title = f"Curve #{store.selected}" if store.selected is not None else "Curve"
    extra = clean(metric or "") + (f" {glyphs.dot} log" if log and series else "")
    lines = [pane_title(title, extra, width, glyphs, focused)]
    y_range = _kept_range(context, f"curve {store.study} {store.selected} {metric} {log}", series, log)
    if height >= 7 and series:
        lines.append(legend(series, width, glyphs))
    body = height - len(lines)
    lines += plot(series, width, body, glyphs, log=log, y_range=y_range, x_name="step", empty=_empty(context))
    return lines[:height]


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
