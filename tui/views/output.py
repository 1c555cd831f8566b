"""A trial's log, and the list of events."""

from __future__ import annotations

from datetime import datetime

from rich.cells import cell_len

from tui.cells import Line, clean, cut_line, fit, fit_line, line, text_of, wrapped
from tui.context import Context
from tui.log_window import LogWindow
from tui.views.event_text import describe
from tui.views.frame import filled, pane_title
from tuned.core import events as ev
from tuned.core import words
from tuned.wire import EventRow

_NAME = 20
"""Cells of another study's name before its events."""


def log(context: Context, width: int, height: int, focused: bool) -> list[Line]:
    """The end of the selected trial's output, or a place further up."""
    store, view, glyphs = context.store, context.log, context.glyphs
    number = store.selected
    title = f"Log #{number}" if number is not None else "Log"
    window = store.log
    if window is None or window.number != number:
        row = store.trial(number)
        text = "" if row is None else "it has not started" if row.attempt == 0 else ""
        return filled([pane_title(title, "", width, context.glyphs, focused), line((" " + text, "dim"))], width, height)
    if window.attempt > 1:
        title += f" attempt {window.attempt}"
    room = height - 1
    shown = [clean(text) for text in window.shown(room)]
    if view.wrap:
        pieces = [piece for text in shown for piece in wrapped(text, max(10, width - 1))]
        shown = pieces[-room:] if window.top is None else pieces[:room]
    ink = context.inks().get(window.number, "")
    lines = [pane_title(title, _log_state(window, room), width, context.glyphs, focused, ink)]
    lines += [line((" " + fit(text, width - 1, more=glyphs.more), _log_style(text, view.search))) for text in shown]
    if not shown:
        lines.append(line((" nothing was written" if window.ended else " nothing written yet", "dim")))
    return filled(lines, width, height)


def _log_state(window: LogWindow, room: int) -> str:
    """Whether the end is followed, else how much lies below."""
    if window.top is None:
        return "ended" if window.ended else "follow"
    below = window.below(room)
    if window.reaches_end:
        return f"{words.count(below, 'line')} below" if below else "holds"
    return f"{words.size(window.size - window.offset)} below"


def _log_style(text: str, search: str = "") -> str:
    if search and search.lower() in text.lower():
        return "focus"
    head = text[:200]
    if "Traceback" in head or "Error" in head or "ERROR" in head:
        return "bad"
    return "warn" if "WARN" in head or "Warning" in head else "text"


def events(context: Context, width: int, height: int, focused: bool) -> list[Line]:
    """The list of events, the newest last; the one under the cursor stays in sight."""
    told, place, room = told_events(context), event_place(context), max(1, height - 1)
    extra = "follow" if place == len(told) - 1 else f"{len(told) - 1 - place} newer"
    words_ = clean(context.found.get("events", ""))
    title = f"Events /{words_}" if words_ else "Events"
    lines = [pane_title(title, extra if focused and told else "", width, context.glyphs, focused)]
    first = first_event(context, height)
    for index, row in enumerate(told[first : first + room], start=first):
        text = cut_line(event_line(context, row), width, context.glyphs.more)
        if focused and index == place:
            text = fit_line([(part, "cursor") for part, _ in text], width, "cursor")
        lines.append(text)
    if not told:
        text_ = f" no event matches; {context.key('back')} clears" if words_ else " nothing has happened yet"
        lines.append(line((text_, "dim")))
    return filled(lines, width, height)


def first_event(context: Context, height: int) -> int:
    """Which of the events is in the first line of a pane below its title."""
    count, room = len(told_events(context)), max(1, height - 1)
    below = max(room, min(count, event_place(context) + room // 2)) if context.event is not None else count
    return max(0, below - room)


def told_events(context: Context) -> list[EventRow]:
    """The events that the list shows, the newest last."""
    told = [row for row in context.store.events if not _is_noise(row)]
    if not context.found.get("events"):
        return told
    return [row for row in told if context.passes("events", text_of(event_line(context, row)))]


def event_place(context: Context) -> int:
    """Which of them the cursor is on: the newest one until it was moved."""
    told = told_events(context)
    if context.event is None:
        return len(told) - 1
    return next((place for place, row in enumerate(told) if row.seq >= (context.event or 0)), len(told) - 1)


def _is_noise(row: EventRow) -> bool:
    """Metrics are in the curves, and a trial that starts runs a moment later."""
    return row.type == ev.TRIAL_METRICS or (row.type == ev.TRIAL_MOVED and row.data.get("to") == "starting")


def event_line(context: Context, row: EventRow) -> Line:
    """One event in words."""
    text, style = describe(row, context.glyphs)
    at = datetime.fromtimestamp(row.at).astimezone().strftime("%H:%M:%S")
    who = f"#{row.number}" if row.number is not None else ""
    if row.study != context.store.study:
        name = clean(row.study)
        short = name if cell_len(name) <= _NAME else fit(name, _NAME, more=context.glyphs.more)
        who = f"{short} {who}".strip()
    return line((f" {at} ", "dim"), (who + " " if who else "", "strong"), (clean(text), style))
