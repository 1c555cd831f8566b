"""The list of studies, and the facts of one."""

from __future__ import annotations

from tui import format as fmt
from tui.cells import Line, Span, both_ends, clean, cut_line, fit, line
from tui.context import Context
from tui.glyphs import Glyphs, standing, study_state
from tui.picture import is_command
from tui.steps import brief
from tui.views import steps
from tui.views.first import first_steps
from tui.views.frame import fact, filled, folded, pane_title
from tuned.core import words
from tuned.wire import StudyRow

_NEWS = "*"
"""Behind the state of a study in which something happened that was not looked at."""

_NAME, _FIGURES = 12, 63
"""Cells of a line about a study: of its name where there are few, and of all that stands before its ETA."""

_BEST_LINES = 4
"""Of the best point, that are in sight beside the list of steps."""


def studies(context: Context, cursor: str | None, top: int, width: int, height: int, focused: bool) -> list[Line]:
    """Two lines a study when it is narrow, one when there is room."""
    rows, memory, total = context.listed(), context.memory, len(context.store.studies)
    title = f"Studies {len(rows)}" + (f" of {total}" if len(rows) < total else "")
    if context.studies:
        title += f" {context.glyphs.mark}{len(context.studies)} marked"
    words_ = clean(context.found.get("studies", ""))
    order = f"{memory.study_sort} {context.glyphs.down if context.studies_reversed else context.glyphs.up}"
    hidden = f"{context.key('ended')} shows ended" if memory.hide_ended else ""
    extra = " ".join(filter(None, (f"/{words_}" if words_ else "", hidden, order)))
    lines = [pane_title(title, extra if focused else "", width, context.glyphs, focused)]
    one = _study_wide if study_lines(width) == 1 else _study
    lines += [text for row in rows[top:] for text in one(context, row, cursor, width, focused)]
    if total and not rows:
        clear, show = context.key("back"), context.key("ended")
        text = f"No study matches; {clear} clears, {show} shows those that have ended"
        lines += [(), *(line(("  " + piece, "dim")) for piece in folded(text, max(10, width - 3)))]
    elif not rows:
        text = "waiting for the daemon" if not context.store.loaded else "No studies yet"
        known = context.store.loaded and width >= 40
        lines += [(), *(first_steps(width) if known else [line(("  " + text, "dim"))])]
    return filled(lines, width, height)


def study_lines(width: int) -> int:
    """Lines that one study takes in a pane of this width."""
    return 1 if width >= _NAME + _FIGURES else 2


def _margin(context: Context, row: StudyRow, here: bool, focused: bool) -> Span:
    """The first cell: the cursor, or the mark."""
    marked = row.name in context.studies
    sign = context.glyphs.mark if marked else context.glyphs.cursor if here else " "
    return sign, "cursor" if here and focused else "mark"


def _study(context: Context, row: StudyRow, cursor: str | None, width: int, focused: bool) -> list[Line]:
    glyphs = context.glyphs
    here = row.name == cursor
    state, style = study_state(glyphs, standing(row))
    glyph, word = state[0], state[2:].lower()
    progress = row.progress
    name_style = "cursor" if here and focused else "strong" if here else "text"
    name_width = width - len(progress) - 5
    first = line(
        _margin(context, row, here, focused),
        (glyph, style),
        (_NEWS if row.name in context.store.news.marked else " ", "focus"),
        (fit(clean(row.name), name_width, more=glyphs.more), name_style),
        (" " + progress, "text"),
    )
    best = f"$ {clean(row.question)}" if is_command(row) else _best_text(row)
    eta = f"ETA {words.duration(row.eta_s)}" if row.eta_s else word
    eta = brief(row) or eta
    if row.note:
        second = line(("   " + clean(row.note), "warn"))
    else:
        second = both_ends(line((f"   {best}", "dim")), line((eta + " ", "dim")), width, glyphs.more)
    return [first, second]


def _study_wide(context: Context, row: StudyRow, cursor: str | None, width: int, focused: bool) -> list[Line]:
    glyphs = context.glyphs
    here = row.name == cursor
    state, style = study_state(glyphs, standing(row))
    _, live, waiting = context.store.counts(row)
    progress = row.progress
    eta = "  ".join(filter(None, (brief(row), f"ETA {words.duration(row.eta_s)}" if row.eta_s else "")))
    cursor_style = "cursor" if here and focused else "strong" if here else "text"
    name_width = max(_NAME, min(28, width - _FIGURES))
    spans = line(
        _margin(context, row, here, focused),
        (_NEWS if row.name in context.store.news.marked else " ", "focus"),
        (fit(clean(row.name), name_width, more=glyphs.more), cursor_style),
        (" " + fit(state, 12), style),
    )
    if is_command(row):
        return [line(*spans, (f"  $ {clean(row.question)}  ", "text"), (clean(row.note), "warn"))]
    told = line(
        (fit(progress, 9, ">"), "text"),
        (fit(f"{live} run {waiting} wait", 15, ">"), "text"),
        (fit(f"pri {row.priority}" if row.priority else "", 8, ">"), "text"),
        (" " + fit(_best_text(row), 15), "best"),
        (eta, "dim"),
        ("  " + clean(row.note or row.question), "warn" if row.note else "dim"),
    )
    return [(*spans, *told)]


def _best_text(row: StudyRow) -> str:
    if row.best is None or row.objective is None:
        return "no value yet"
    word = "early" if row.best.cut else "best"
    return f"{word} {fmt.number(row.best.values.get(row.objective.metric))}"


def facts(context: Context, width: int, height: int, focused: bool) -> list[Line]:
    """The study's settings and counts, and its best point."""
    store, glyphs = context.store, context.glyphs
    lines = [pane_title("Study", "", width, glyphs, focused)]
    row = store.study_row
    if row is None:
        return filled(lines, width, height)
    if row.objective:
        lines.append(fact("goal", f"{row.objective.direction[:3]} {clean(row.objective.metric)}"))
    lines.append(fact("method", row.method))
    lines.append(fact("trials", row.progress.replace("/", " of ")))
    if row.parallel:
        lines.append(fact("parallel", str(row.parallel)))
    lines.append(fact("priority", str(row.priority)))
    shown = ("completed", "pruned", "failed", "lost", "paused", "cancelled")
    counts = {state: row.counts.get(state, 0) - row.aside.get(state, 0) for state in shown}
    lines += [fact(state, str(number)) for state, number in counts.items() if number]
    lines += [line((" " + clean(text), "warn")) for text in (row.note, row.reason) if text]
    best = _best(row, width, glyphs)
    if row.steps:
        whole = steps.listed(context, row, width)
        lines += whole if len(lines) + len(whole) + min(len(best), _BEST_LINES) <= height else steps.short(row)
    return filled([cut_line(text, width, glyphs.more) for text in (*lines, *best)], width, height)


def _best(row: StudyRow, width: int, glyphs: Glyphs) -> list[Line]:
    if row.best is None:
        return []
    lines = [pane_title(f"Best #{row.best.number}", "", width, glyphs, False)]
    if row.objective:
        lines.append(fact("value", fmt.number(row.best.values.get(row.objective.metric), 5), "best"))
    sure = row.best.confirmed["mean"] if row.best.confirmed else row.best.shrunk
    if sure is not None:
        lines.append(fact("seeds" if row.best.confirmed else "shrunk", fmt.number(sure, 5)))
    if row.best.cut:
        lines.append(fact("but", "stopped early", "warn"))
    return [*lines, *(fact(name, fmt.param(value)) for name, value in row.best.params.items())]
