"""Panes that are lists of text: studies, devices, log, events, and a study's and a trial's facts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tui import format as fmt
from tui.braille import bar
from tui.cells import Line, Span, both_ends, clean, fit, fit_line, line
from tui.context import Context
from tui.glyphs import Glyphs, study_state, trial_state
from tui.store import sort_studies
from tui.views.frame import pane_title
from tuned.core import events as ev
from tuned.wire import DeviceRow, EventRow, StudyRow, TrialRow


def filled(lines: list[Line], width: int, height: int) -> list[Line]:
    """Exactly `height` lines of `width` cells."""
    cut = [fit_line(text, width) for text in lines[:height]]
    return cut + [fit_line((), width)] * (height - len(cut))


# --- studies ----------------------------------------------------------------------------------------------------


def studies(context: Context, cursor: str | None, top: int, width: int, height: int, focused: bool) -> list[Line]:
    """Two lines a study when it is narrow, one when there is room."""
    rows = sort_studies(context.store.studies.values())
    lines = [pane_title(f"Studies {len(rows)}", "", width, context.glyphs, focused)]
    wide = width >= 60
    one = _study_wide if wide else _study
    lines += [text for row in rows[top:] for text in one(context, row, cursor, width, focused)]
    if not rows:
        text = "No studies yet: tunectl submit FILE" if context.store.loaded else "waiting for the daemon"
        lines += [(), line(("  " + text, "dim"))]
    return filled(lines, width, height)


def study_lines(width: int) -> int:
    """Lines that one study takes in a pane of this width."""
    return 1 if width >= 60 else 2


def _study(context: Context, row: StudyRow, cursor: str | None, width: int, focused: bool) -> list[Line]:
    glyphs = context.glyphs
    here = row.name == cursor
    ended, _, _ = context.store.counts(row)
    _, style = study_state(glyphs, row.state)
    progress = f"{ended}/{row.trials}" if row.trials else str(ended)
    glyph = glyphs.states.get(row.state, "?")
    name_style = "cursor" if here and focused else "strong" if here else "text"
    name_width = width - len(progress) - 5
    first = line(
        (glyphs.cursor if here else " ", "cursor" if here and focused else "mark"),
        (glyph + " ", style),
        (fit(clean(row.name), name_width, more=glyphs.more), name_style),
        (" " + progress, "text"),
    )
    best = _best_text(row)
    eta = f"ETA {fmt.span(row.eta_s)}" if row.eta_s is not None else study_state(glyphs, row.state)[0][2:].lower()
    if row.note:
        second = line(("   " + clean(row.note), "warn"))
    else:
        second = both_ends(line((f"   {best}", "dim")), line((eta + " ", "dim")), width)
    return [first, second]


def _study_wide(context: Context, row: StudyRow, cursor: str | None, width: int, focused: bool) -> list[Line]:
    glyphs = context.glyphs
    here = row.name == cursor
    state, style = study_state(glyphs, row.state)
    ended, live, waiting = context.store.counts(row)
    progress = f"{ended}/{row.trials}" if row.trials else str(ended)
    eta = f"ETA {fmt.span(row.eta_s)}" if row.eta_s is not None else ""
    cursor_style = "cursor" if here and focused else "strong" if here else "text"
    name_width = max(12, min(28, width - 52))
    spans = line(
        (glyphs.cursor if here else " ", "cursor" if here and focused else "mark"),
        (fit(clean(row.name), name_width, more=glyphs.more), cursor_style),
        (" " + fit(state, 12), style),
        (fit(progress, 9, ">"), "text"),
        (fit(f"{live} run {waiting} wait", 15, ">"), "text"),
        (" " + fit(_best_text(row), 15), "best"),
        (eta, "dim"),
        ("  " + clean(row.note or row.question), "warn" if row.note else "dim"),
    )
    return [spans]


def _best_text(row: StudyRow) -> str:
    if row.best is None or row.objective is None:
        return "no value yet"
    return f"best {fmt.number(row.best.values.get(row.objective.metric))}"


def facts(context: Context, width: int, height: int, focused: bool) -> list[Line]:
    """What the study is, and its best point."""
    store, glyphs = context.store, context.glyphs
    lines = [pane_title("Study", "", width, glyphs, focused)]
    row = store.study_row
    if row is None:
        return filled(lines, width, height)
    if row.objective:
        lines.append(_fact("goal", f"{row.objective.direction[:3]} {clean(row.objective.metric)}"))
    lines.append(_fact("method", row.method))
    lines.append(_fact("trials", f"{row.started} of {row.trials}" if row.trials else str(row.started)))
    if row.parallel:
        lines.append(_fact("parallel", str(row.parallel)))
    lines.append(_fact("priority", str(row.priority)))
    shown = ("completed", "pruned", "failed", "lost", "paused", "cancelled")
    lines += [_fact(state, str(row.counts[state])) for state in shown if row.counts.get(state)]
    lines += [line((" " + clean(text), "warn")) for text in (row.note, row.reason) if text]
    if row.best is not None:
        lines.append(pane_title(f"Best #{row.best.number}", "", width, glyphs, False))
        if row.objective:
            lines.append(_fact("value", fmt.number(row.best.values.get(row.objective.metric), 5), "best"))
        lines += [_fact(name, fmt.param(value)) for name, value in row.best.params.items()]
    return filled(lines, width, height)


def _fact(name: str, text: str, style: str = "text") -> Line:
    return line((" " + fit(clean(name), 10) + " ", "dim"), (clean(text), style))


# --- devices ----------------------------------------------------------------------------------------------------


def devices(context: Context, width: int, height: int, focused: bool) -> list[Line]:
    """GPUs or CPU slots: load, memory, and who holds them."""
    status, glyphs = context.store.status, context.glyphs
    rows = status.devices if status else []
    gpus = any(row.kind == "gpu" for row in rows)
    busy = sum(1 for row in rows if row.held_by)
    extra = f"{busy} of {len(rows)} busy" if rows else ""
    lines = [pane_title("GPUs" if gpus else "Slots", extra, width, glyphs, focused)]
    lines += [text for row in rows for text in _device(row, width, glyphs)]
    if status is not None:
        lines.append(line((f" queue {status.queued} {glyphs.dot} advisor {clean(status.advisor)}", "dim")))
        lines.extend(line((" " + clean(note), "warn")) for note in status.notes)
    return filled(lines, width, height)


def _device(row: DeviceRow, width: int, glyphs: Glyphs) -> list[Line]:
    held = clean(row.held_by) or "free"
    style = "run" if row.held_by else "dim"
    if row.kind != "gpu":
        name = f" {row.index} " + (fit(clean(row.name), 9) + " " if width >= 40 else "")
        return [line((name, "text"), (held, style))]
    memory = f"{fmt.gigabytes(row.memory_used)[:-1]}/{fmt.gigabytes(row.memory_total)}" if row.memory_total else ""
    load = f"{row.utilisation:3.0f}%" if row.utilisation is not None else "  ?%"
    room = max(4, width - 40) if width >= 50 else max(4, width - 24)
    name = f" {row.index} " + (fit(clean(row.name), 12, more=glyphs.more) + " " if width >= 56 else "")
    first = line(
        (name, "text"),
        (bar((row.utilisation or 0) / 100, min(20, room), glyphs), "run"),
        (f" {load} {fit(memory, 8, '>')} ", "text"),
        (held, style),
    )
    return [first, line(("    " + clean(row.blocked), "warn"))] if row.blocked else [first]


# --- log and events ---------------------------------------------------------------------------------------------


def log(context: Context, width: int, height: int, focused: bool) -> list[Line]:
    """The end of the selected trial's output, or a place further up."""
    store, view = context.store, context.log
    number = store.selected
    title = f"Log #{number}" if number is not None else "Log"
    tail = store.log
    if tail is None or tail.lines is None or tail.number != number:
        row = store.trial(number)
        text = "" if row is None else "it has not started" if row.attempt == 0 else ""
        return filled([pane_title(title, "", width, context.glyphs, focused), line((" " + text, "dim"))], width, height)
    if tail.attempt > 1:
        title += f" attempt {tail.attempt}"
    room = height - 1
    source = [*tail.lines, tail.partial] if tail.partial else list(tail.lines)
    shown = _window([clean(text) for text in source[-(room + view.back + 2000) :]], view.back, room, width, view.wrap)
    state = "follow" if view.follow and not view.back else f"{view.back} lines up" if view.back else "ended"
    if tail.ended and not view.back:
        state = "ended"
    lines = [pane_title(title, state, width, context.glyphs, focused)]
    lines += [line((" " + fit(text, width - 1, more=context.glyphs.more), _log_style(text))) for text in shown]
    if not shown:
        lines.append(line((" nothing written yet", "dim")))
    return filled(lines, width, height)


def _window(texts: list[str], back: int, room: int, width: int, wrap: bool) -> list[str]:
    if wrap:
        texts = [piece for text in texts for piece in _wrapped(text, max(10, width - 1))]
    end = max(room, len(texts) - back) if back else len(texts)
    return texts[max(0, end - room) : end]


def _wrapped(text: str, width: int) -> list[str]:
    return [text[i : i + width] for i in range(0, len(text), width)] or [""]


def _log_style(text: str) -> str:
    head = text[:200]
    if "Traceback" in head or "Error" in head or "ERROR" in head:
        return "bad"
    return "warn" if "WARN" in head or "Warning" in head else "text"


def events(context: Context, width: int, height: int, focused: bool) -> list[Line]:
    """What happened, the newest last."""
    store = context.store
    lines = [pane_title("Events", "", width, context.glyphs, focused)]
    shown = [row for row in store.events if not _is_noise(row)][-(height - 1) :]
    lines += [event_line(context, row) for row in shown]
    if not shown:
        lines.append(line((" nothing has happened yet", "dim")))
    return filled(lines, width, height)


def _is_noise(row: EventRow) -> bool:
    """Metrics are in the curves, and a trial that starts runs a moment later."""
    return row.type == ev.TRIAL_METRICS or (row.type == ev.TRIAL_MOVED and row.data.get("to") == "starting")


def event_line(context: Context, row: EventRow) -> Line:
    """One event in words."""
    text, style = describe(row, context.glyphs)
    at = datetime.fromtimestamp(row.at).astimezone().strftime("%H:%M:%S")
    who = f"#{row.number}" if row.number is not None else ""
    if row.study != context.store.study or row.number is None:
        who = f"{clean(row.study)} {who}".strip()
    return line((f" {at} ", "dim"), (who + " ", "strong"), (clean(text), style))


def describe(row: EventRow, glyphs: Glyphs) -> tuple[str, str]:
    """What an event says, and its style."""
    data: dict[str, Any] = row.data
    reason = f": {data['reason']}" if data.get("reason") else ""
    match row.type:
        case ev.STUDY_SUBMITTED:
            return "submitted", "text"
        case ev.STUDY_DELETED:
            return "deleted", "warn"
        case ev.STUDY_NOTE:
            return str(data.get("text", "")), "warn"
        case ev.STUDY_MOVED:
            state, style = study_state(glyphs, str(data.get("to", "")))
            return state + reason, style
        case ev.TRIAL_MOVED:
            state, style = trial_state(glyphs, str(data.get("to", "")), None)
            return state + reason, style
        case ev.TRIAL_QUEUED:
            return f"queued by {data.get('origin', '?')}" + (f": {data['why']}" if data.get("why") else ""), "dim"
        case ev.TRIAL_INTENT:
            reason = str(data.get("stop_reason") or "go on")
            return f"{data.get('actor', 'user')} asked: {reason}", "warn"
        case ev.STUDY_PRIORITY | ev.TRIAL_PRIORITY:
            return f"priority {data.get('from')} to {data.get('to')}", "text"
    return row.type, "dim"


# --- a trial's facts --------------------------------------------------------------------------------------------


def parameters(context: Context, width: int, height: int, focused: bool) -> list[Line]:
    """The selected trial: parameters, values, why this point."""
    store, glyphs = context.store, context.glyphs
    row = store.trial(store.selected)
    lines = [pane_title("Parameters", "", width, glyphs, focused)]
    if row is None:
        return filled(lines, width, height)
    name_width = max((len(name) for name in row.params), default=4)
    name_width = min(name_width, max(6, width // 2))
    for name, value in row.params.items():
        lines.append(line((" " + fit(clean(name), name_width, more=glyphs.more) + " ", "dim"), fmt.param_exact(value)))
    lines.append(pane_title("Facts", "", width, glyphs, False))
    lines += [_fact(name, text, style) for name, text, style in trial_facts(context, row)]
    if row.why:
        lines.append(pane_title("Why this point", "", width, glyphs, False))
        lines += [line((" " + piece, "text")) for piece in _words(clean(row.why), width - 2)]
    return filled(lines, width, height)


def trial_facts(context: Context, row: TrialRow) -> list[tuple[str, str, str]]:
    """(name, text, style) of what is known of a trial beside its parameters."""
    now = context.store.clock()
    state, style = trial_state(context.glyphs, row.state, row.stop_reason)
    result = [("state", state, style)]
    result += [(name, fmt.number(value, 6), "text") for name, value in row.values.items()]
    rank = context.rows.rank(row.number)
    if rank:
        result.append(("rank", f"{rank[0]} of {rank[1]}", "text"))
    if row.failure or row.reason:
        result.append(("reason", f"{row.failure or ''} {row.reason}".strip(), "warn"))
    result += [("origin", row.origin, "text"), ("priority", str(row.priority), "text"), ("seed", str(row.seed), "text")]
    if row.attempt:
        result += [("attempt", str(row.attempt), "text"), ("device", row.device, "text")]
    if row.started_at is not None and (row.ended_at is not None or row.state in ("running", "starting")):
        result.append(("ran", fmt.clock((row.ended_at or now) - row.started_at), "text"))
    if row.retry_of:
        result.append(("copy of", f"#{row.retry_of}", "text"))
    detail = context.store.detail
    if detail is not None and detail.trial.number == row.number:
        if detail.arguments:
            result.append(("command", " ".join(detail.arguments), "text"))
        if detail.run_dir:
            result.append(("folder", detail.run_dir, "text"))
        if detail.bad_lines:
            result.append(("unreadable", f"{detail.bad_lines} lines of metrics", "warn"))
    return result


def _words(text: str, width: int) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += " " + word
        else:
            lines.append(word)
    return lines


def spans_of(name: str, text: str, style: str = "text") -> tuple[Span, ...]:
    """A fact as spans, for lines that hold several."""
    return ((f" {name} ", "dim"), (clean(text), style))
