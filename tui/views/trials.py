"""The trials table as lines: columns, widths, one line a trial."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from rich.cells import cell_len

from tui import format as fmt
from tui.braille import sparkline
from tui.cells import Line, Span, clean, fit, fit_line, line
from tui.context import Context
from tui.glyphs import intent_of, trial_state
from tui.steps import is_aside
from tui.views.first import first_steps
from tui.views.frame import pane_title
from tuned.core import feasibility, words
from tuned.core.ranking import BY_METRIC, WATCH
from tuned.core.states import OPEN
from tuned.core.study import Constraint
from tuned.core.trials.ran import ran_s
from tuned.wire import TrialRow

Cell = Callable[[TrialRow], Span]
MAX_PARAM = 12
NARROW = 60
"""Cells below which number and state alone have fixed places."""
TREND = 8
TEXTS = {"origin": 9, "device": 8}
STAGE = 8
_OPTIONAL = {"stage": False, "priority": True, "step": True, "elapsed": True, "trend": True}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `id` is what it sorts by."""

    id: str
    title: str
    width: int
    align: str
    cell: Cell


def optional(context: Context) -> dict[str, bool]:
    """Columns that can be hidden or shown, and whether they are at first.

    The trend is where there is room for it; the stage where a study has trials that are not of its search.
    """
    row = context.store.study_row
    return {**_OPTIONAL, **dict.fromkeys(TEXTS, False), "stage": row is not None and any(row.aside.values())}


def columns(context: Context, visible: list[TrialRow], width: int) -> tuple[list[Column], int]:
    """The columns that fit, and how many parameters do not."""
    store, glyphs = context.store, context.glyphs
    metric, now, best = store.objective, store.clock(), store.best
    none: Span = (glyphs.none, "dim")
    styles = context.styles()

    def value(row: TrialRow) -> Span:
        text = fmt.number(fmt.value_of(row.values, metric))
        return (text, "best" if row.number == best else "text") if text else none

    def elapsed(row: TrialRow) -> Span:
        seconds = ran_s(row, now)
        return none if seconds is None else (words.duration(seconds), "text")

    def step(row: TrialRow) -> Span:
        return (fmt.step(row.last_step), "text") if row.last_step is not None else none

    def priority(row: TrialRow) -> Span:
        open_ = row.state in OPEN
        return (str(row.priority), "text") if open_ and row.priority else (glyphs.dot, "dim")

    digits = max(3, len(str(store.total)))

    def stage(row: TrialRow) -> Span:
        return (clean(row.stage), "title") if is_aside(row) else (glyphs.dot, "dim")

    def text(name: str) -> Cell:
        return lambda row: (clean(str(getattr(row, name) or "")), "dim")

    def device(row: TrialRow) -> Span:
        return (clean(store.slot(row.device)), "dim")

    def trend(row: TrialRow) -> Span:
        return sparkline(store.trends.sampled(row.number, TREND), TREND, glyphs), styles.get(row.number, "run")

    chosen = context.memory.columns
    fixed = [
        Column("trial", "TRIAL", digits + 2, ">", lambda row: (f"#{row.number}", "strong")),
        Column("state", "STATE", 9, "<", lambda row: trial_state(glyphs, row.state, intent_of(row), row.failure)),
    ]
    if chosen.get("stage", optional(context)["stage"]):
        fixed.append(Column("stage", "STAGE", STAGE, "<", stage))
    if chosen.get("priority", True):
        fixed.append(Column("priority", "PRI", 3, ">", priority))
    if chosen.get("step", True):
        fixed.append(Column("step", "STEP", 5, ">", step))
    if metric is not None:
        study = store.study_row
        several = study is not None and len(study.objectives) > 1
        fixed.append(Column("value", clean(metric).upper() if several else "VALUE", 9, ">", value))
        fixed += _measured(context)
    cells = {**{name: text(name) for name in TEXTS}, "device": device}
    tail = [Column(name, name.upper(), size, "<", cells[name]) for name, size in TEXTS.items() if chosen.get(name)]
    if chosen.get("elapsed", True):
        tail.append(Column("elapsed", "ELAPSED", 8, ">", elapsed))
    small = Column("trend", "TREND", TREND, "<", trend)
    if chosen.get("trend"):
        tail.append(small)
    parameters = [_parameter(context, name) for name in _parameter_names(context)]
    if width < NARROW:
        return _narrow(context, fixed, [*parameters, *tail], visible, width)
    room = width - 2 - sum(c.width + 1 for c in (*fixed, *tail))
    shown, hidden = _fitting(context, parameters, visible, room)
    room -= sum(column.width + 1 for column in shown)
    if "trend" not in chosen and metric is not None and not hidden and tail and room >= TREND + 1:
        tail.append(small)
    if small in tail:
        store.want_trends(row.number for row in visible if row.attempt)
    return [*fixed, *shown, *tail], hidden


def _narrow(
    context: Context, fixed: list[Column], more: list[Column], visible: list[TrialRow], width: int
) -> tuple[list[Column], int]:
    """Number and state stay, the keys for columns move through all others: the objectives come first."""
    kept = [c for c in fixed if c.id in ("trial", "state")]
    judged = [c for c in fixed if c.id == "standing"] + [c for c in fixed if c.id.startswith(("value", BY_METRIC))]
    rest = [c for c in fixed if c not in (*kept, *judged)]
    rest.sort(key=lambda c: ("stage", "step", "priority").index(c.id))
    lead = [] if len(judged) > 1 else rest[:1]
    late = [c for c in rest if c.id == "priority"]
    moving = [*lead, *judged, *(c for c in rest if c not in (*lead, *late)), *more, *late]
    room = width - 2 - sum(c.width + 1 for c in kept)
    shown, hidden = _fitting(context, moving, visible, room, 5)
    return [*kept, *shown], hidden


def _measured(context: Context) -> list[Column]:
    """Further objectives, whether a trial is on the front or breaks a bound, and the metrics that were chosen."""
    store, glyphs = context.store, context.glyphs
    study = store.study_row
    if study is None:
        return []
    bounds = [Constraint(c.metric, c.at_most, c.at_least) for c in study.constraints]

    def value(name: str) -> Cell:
        def cell(row: TrialRow) -> Span:
            text = fmt.number(fmt.value_of({**row.metrics, **row.values}, name))
            return (text, "text") if text else (glyphs.none, "dim")

        return cell

    def standing(row: TrialRow) -> Span:
        if row.number in store.front:
            return ("front", "best")
        broken = next((c.metric for c in feasibility.broken(row.values, bounds)), "")
        return (clean(broken), "warn") if broken else (glyphs.dot, "dim")

    found = [
        Column(BY_METRIC + name, clean(name).upper(), max(8, min(MAX_PARAM, len(name))), ">", value(name))
        for name in context.rows.measured()
    ]
    if len(study.objectives) > 1 or study.constraints:
        title = "FRONT" if len(study.objectives) > 1 else "BREAKS"
        found.append(Column("standing", title, 8, "<", standing))
    return found


def _fitting(
    context: Context, moving: list[Column], visible: list[TrialRow], room: int, title: int = 8
) -> tuple[list[Column], int]:
    """The columns that fit, from the one on that was moved to, and how many behind them do not.

    Args:
        context: For the place that was moved to.
        moving: All that can be moved through.
        visible: The rows, whose texts say how wide a column must be.
        room: Cells.
        title: Of a long title at least so many cells are shown.
    """
    if context.widths_study != context.store.study:
        context.widths, context.widths_study, context.first_column = {}, context.store.study, 0
    context.first_column = max(0, min(context.first_column, len(moving) - 1))
    shown: list[Column] = []
    for index, column in enumerate(moving[context.first_column :]):
        seen = max((cell_len(column.cell(trial)[0]) for trial in visible), default=0)
        # Widths only grow while a study is shown: a column that jitters would redraw every row.
        size = min(MAX_PARAM, max(seen, min(len(column.title), title), context.widths.get(column.id, 3)))
        context.widths[column.id] = size
        if size + 1 > room:
            return shown, len(moving) - context.first_column - index
        room -= size + 1
        shown.append(replace(column, width=size))
    return shown, 0


def _parameter_names(context: Context) -> list[str]:
    """In the order of the space; those that are the same in every trial come last."""
    store = context.store
    row = store.study_row
    if row is None:
        return []
    if context.constant_key != (store.study, len(store.trials)):
        context.constant_key = (store.study, len(store.trials))
        seen: dict[str, set[str]] = {name: set() for name in row.parameters}
        for trial in store.trials.values():
            for name, values in seen.items():
                if len(values) < 2:
                    values.add(repr(trial.params.get(name)))
        several = len(store.trials) > 1
        context.constant = frozenset(name for name, values in seen.items() if several and len(values) < 2)
    hidden = context.memory.hidden.get(row.name, ())
    shown = [name for name in row.parameters if name not in hidden]
    return sorted(shown, key=lambda name: name in context.constant)


def _parameter(context: Context, name: str) -> Column:
    none = context.glyphs.none

    def cell(row: TrialRow) -> Span:
        return (fmt.param(row.params[name]), "text") if name in row.params else (none, "dim")

    return Column(name, clean(name).upper(), MAX_PARAM, ">", cell)


def build(context: Context, top: int, width: int, height: int, focused: bool) -> list[Line]:
    """The whole pane: title, column names, rows from `top`.

    Args:
        context: Everything that is shown.
        top: First row.
        width: Cells.
        height: Lines, title included.
        focused: Whether keys go here.
    """
    store, rows, glyphs = context.store, context.rows, context.glyphs
    window = [store.trials.get(n) if n is not None else None for n in rows.window(top, max(0, height - 2))]
    visible = [row for row in window if row is not None]
    shown, hidden = columns(context, visible, width)
    lines = [pane_title(_title(context), _extra(context, top, len(window), hidden, width), width, glyphs, focused)]
    lines.append(_header(context, shown, width))
    waiting = fit_line([("    " + glyphs.more, "dim")], width)
    lines += [_row(context, row, shown, width, focused) if row is not None else waiting for row in window]
    if not window:
        lines += [fit_line([("", "text")], width), *(fit_line(text, width) for text in _empty(context, width))]
    blank = fit_line([("", "text")], width)
    return (lines + [blank] * height)[:height]


def _title(context: Context) -> str:
    store, rows = context.store, context.rows
    total = store.total
    count = rows.total()
    text = f"Trials {count} of {total}" if rows.filter.text else f"Trials {total}"
    if not store.trials_loaded and store.study is not None:
        text += "…" if context.glyphs.braille else "..."
    return text + (f" {context.glyphs.mark}{len(rows.marks)} marked" if rows.marks else "")


def _extra(context: Context, top: int, count: int, hidden: int, width: int) -> str:
    rows, glyphs = context.rows, context.glyphs
    parts = []
    total = rows.total()
    if total > count and width >= 50:
        parts.append(f"{top + 1}-{top + count}")
    if hidden and width >= 60:
        parts.append(f"+{words.count(hidden, 'column')}")
    parts.append(f"{clean(rows.sort)} {glyphs.down if rows.descending else glyphs.up}")
    return f" {glyphs.dot} ".join(parts)


def _header(context: Context, shown: list[Column], width: int) -> Line:
    spans: list[Span] = [("  ", "text")]
    sort = "value" if context.rows.sort == WATCH else context.rows.sort
    for column in shown:
        title = fit(column.title, column.width, column.align, context.glyphs.more)
        spans += [(title, "key" if column.id == sort else "dim"), (" ", "text")]
    return fit_line(spans, width)


def _row(context: Context, row: TrialRow, shown: list[Column], width: int, focused: bool) -> Line:
    glyphs, store = context.glyphs, context.store
    at_cursor = row.number == store.selected
    mark = glyphs.mark if row.number in context.rows.marks else " "
    ink = context.inks().get(row.number)
    curve: Span = (glyphs.curve, ink) if ink else (" ", "text")
    if at_cursor:
        spans: list[Span] = [(glyphs.cursor if mark == " " else mark, "cursor"), curve]
    else:
        spans = [(mark, "mark"), curve]
    for column in shown:
        text, style = column.cell(row)
        text = fit(text, column.width, column.align, glyphs.more)
        spans += [(text, "cursor" if at_cursor and focused else style), (" ", "cursor" if at_cursor else "text")]
    if at_cursor:
        style = "cursor" if focused else "cursor-dim"
        kept = {ink} if focused else {own for _, own in spans} - {"cursor", "text", "strong"}
        spans = [(text, own if own in kept else style) for text, own in spans]
    tail = width - sum(c.width + 1 for c in shown) - 2
    if at_cursor and tail > 0:
        spans.append((" " * tail, "cursor" if focused else "cursor-dim"))
    return fit_line(spans, width)


def _empty(context: Context, width: int) -> list[Line]:
    store, rows = context.store, context.rows
    if not store.loaded:
        return [line(("  waiting for the daemon" if store.problem else "", "dim"))]
    if store.study is None:
        return first_steps(width)
    if rows.filter.text and store.total:
        return [line((f"  No trial matches the filter; {context.key('back')} clears it", "dim"))]
    if not store.trials_loaded:
        return []
    return [line((f"  No trials yet: tunectl enqueue {clean(store.study)} key=value", "dim"))]
