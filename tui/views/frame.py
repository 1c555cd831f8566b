"""The lines around the panes: pane titles, the head line, the tab line, the key bar."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from rich.cells import cell_len

from tui import format as fmt
from tui.actions import Action, shown
from tui.cells import Line, Span, both_ends, clean, cut_line, fit, fit_line, line, line_width, wrapped
from tui.context import Context
from tui.glyphs import Glyphs, standing, study_state
from tui.slots import busy
from tui.steps import brief
from tuned.client.problems import SILENT
from tuned.core import words
from tuned.core.state_words import paused_by_daemon
from tuned.wire import DaemonStatus


def pane_title(title: str, extra: str, width: int, glyphs: Glyphs, focused: bool, ink: str = "") -> Line:
    """`─ Trials ─────────── value ▲ ─`: the first line of a pane; `ink` is the colour of the trial that it is about."""
    begin: Span = (glyphs.curve, ink) if ink else (glyphs.rule, "rule")
    name: Span = (f" {title} ", "focus" if focused else "title")
    right = (f" {extra} ", "dim") if extra else ("", "dim")
    room = width - 2 - line_width([name, right])
    if room < 0:
        return cut_line([begin, name, right], width, glyphs.more)
    return line(begin, name, (glyphs.rule * room, "rule"), right, (glyphs.rule, "rule"))


def filled(lines: list[Line], width: int, height: int) -> list[Line]:
    """Exactly `height` lines of at least `width` cells: the pane cuts those that are longer."""
    shown = [text if line_width(text) > width else fit_line(text, width) for text in lines[:height]]
    return shown + [fit_line((), width)] * (height - len(shown))


def folded(text: str, width: int) -> list[str]:
    """The text folded between words; a word that is longer than a line is cut."""
    lines: list[str] = []
    for word in (piece for whole in text.split() for piece in wrapped(whole, width)):
        if lines and cell_len(lines[-1]) + 1 + cell_len(word) <= width:
            lines[-1] += " " + word
        else:
            lines.append(word)
    return lines


def fact(name: str, text: str, style: str = "text") -> Line:
    """A name and its value."""
    return line((" " + fit(clean(name), 10) + " ", "dim"), (clean(text), style))


MACHINE = 24
"""Cells of another machine's name in the first line."""


def head(context: Context, width: int) -> Line:
    """The first line: study, progress, best value, and whether the picture is fresh."""
    store, glyphs = context.store, context.glyphs
    if not store.connected and store.stale_since is not None:
        age = words.duration(store.clock() - store.stale_since)
        problem = "" if store.problem == SILENT else f": {clean(store.problem)}"
        text = f" no daemon{problem} {glyphs.dot} "
        text += f"shown as of {age} ago {glyphs.dot} reconnecting" if store.loaded else "waiting for it"
        return fit_line([(fit(text, width, more=glyphs.more), "banner")], width)
    row = store.study_row
    if row is None and (alarm := trouble(context)):
        name = _brand(context)
        return fit_line([name, (fit(alarm, max(0, width - line_width([name])), more=glyphs.more), "bad")], width)
    if row is None:
        return both_ends(line(_brand(context)), line((_machine(context), "dim")), width, glyphs.more)
    state, style = study_state(glyphs, standing(row))
    brand = _brand(context) if width >= 60 else ""
    left = line(brand, (" " + _short(row.name, max(12, width // 3), glyphs) + " ", "strong"), (state, style))
    alarm = trouble(context)
    if alarm and width < 120:
        return fit_line((*left, ("  " + fit(alarm, width - line_width(left) - 2, more=glyphs.more), "bad")), width)
    _, live, waiting = store.counts(row)
    ended = row.progress
    parts = [ended if row.trials else words.count(int(ended), "trial")]
    if broken := row.counts.get("failed", 0) + row.counts.get("lost", 0):
        parts.append(f"{broken} failed")
    if row.steps and (step := brief(row)):
        parts.append(step)
    if row.best and row.objective:
        value = fmt.number(row.best.values.get(row.objective.metric))
        sure = row.best.confirmed["mean"] if row.best.confirmed else row.best.shrunk
        aside = "" if sure is None else f" (~{fmt.number(sure)})"
        parts.append(f"best {value} #{row.best.number}" + (" early" if row.best.cut else "") + aside)
    parts.append(f"{live} run {waiting} wait")
    if row.eta_s and width >= 70:
        parts.append(f"ETA {words.duration(row.eta_s)}")
    if width >= 120:
        parts.append(_machine(context))
    # The state comes first: the other parts give way to it, the last first.
    told = min(60, cell_len(alarm)) + 2 if alarm else 0
    while len(parts) > 1 and line_width(left) + 2 + told + len(f" {glyphs.dot} ".join(parts)) > width:
        del parts[-1]
    right = line((f" {glyphs.dot} ".join(parts) + " ", "text"))
    room = width - line_width(left) - line_width(right) - 4
    if alarm:
        left = (*left, ("  " + fit(alarm, room, more=glyphs.more), "bad"))
    elif row.question and room >= 24:
        left = (*left, ("  " + fit(clean(row.question), room, more=glyphs.more), "dim"))
    return both_ends(left, right, width, glyphs.more)


def _brand(context: Context) -> Span:
    """The machine where it is another one, so that nobody stops the trials of the wrong one."""
    host = context.options.host
    name = "tuned" if host is None else clean(host.removeprefix("ssh://").rstrip("/"))
    return f" {_short(name, MACHINE, context.glyphs)} ", "title"


_CALM = ("", "idle", "ready")
"""States of the advisor in which points come when they are wanted."""


def trouble(context: Context) -> str:
    """Alarms that a person must act on now, the daemon's before the study's; empty when there is none."""
    status, row = context.store.status, context.store.study_row
    alarms = [clean(text) for text in status.alarms] if status is not None else []
    if status is not None and status.advisor not in _CALM:
        alarms.append(advisor(status))
    if row is not None and paused_by_daemon(row):
        alarms.append(f"paused: {clean(row.reason)}")
    ahead = [step for step in row.steps if step.state not in ("done", "skipped")] if row is not None else []
    if ahead and ahead[0].state == "paused":
        alarms.append(f"waits for you: step {clean(ahead[0].id)} ({context.key('steps')})")
    return f" {context.glyphs.dot} ".join(alarms)


def advisor(status: DaemonStatus) -> str:
    """The advisor's state in words; one that cannot give points names itself."""
    return f"advisor {status.advisor}" if status.advisor in _CALM else clean(status.advisor)


def _short(name: str, most: int, glyphs: Glyphs) -> str:
    """A name in at most so many cells, so that the text beside it is seen."""
    text = clean(name)
    return text if cell_len(text) <= most else fit(text, most, more=glyphs.more)


def _machine(context: Context) -> str:
    status = context.store.status
    if status is None:
        return "connecting "
    taken, slots, kind = busy(status.devices)
    dot = context.glyphs.dot
    text = f"{fmt.studies(status.studies)} {dot} {taken}/{slots} {kind} busy"
    return text + (f" {dot} {advisor(status)}" if status.advisor else "")


def tabs(context: Context, names: Sequence[tuple[str, str]], current: str, width: int, first: int = 1) -> Line:
    """`[1 Trials] 2 Curves …` for narrow screens, with the message or the filter at the right."""
    spans: list[Span] = [(" ", "text")]
    for (name, label), action in zip(names, TAB_ACTIONS[first:], strict=False):
        text = f"{_tab_key(context, action)} {label}"
        spans.append((f"[{text}]", "title") if name == current else (f" {text} ", "dim"))
    right = notice(context)
    if line_width(spans) + line_width(right) + 3 > width:
        spans = [(" ", "text")] if right else spans
        right = cut_line(right, width - 4, context.glyphs.more)
    return both_ends(tuple(spans), (("  ", "text"), *right, (" ", "text")), width, context.glyphs.more)


TAB_ACTIONS = ("studies", "pane-1", "pane-2", "pane-3", "pane-4", "pane-5")
"""Actions that show a tab, in the order of the tabs."""

_TAB = re.compile(r" (\S+) [A-Z]\w* ")


def _tab_key(context: Context, action: str) -> str:
    """The digit that shows a tab, else its first key."""
    keys = context.keys(action)
    return shown(next((key for key in keys if key.isdigit()), keys[0]))


def tab_at(context: Context, spans: Line, x: int) -> str:
    """The action of the tab at a cell; empty beside the tabs, and on the one that is shown."""
    end = 0
    for text, _ in spans:
        end += cell_len(text)
        if x < end:
            found = _TAB.fullmatch(text)
            return next((a for a in TAB_ACTIONS if found and _tab_key(context, a) == found[1]), "")
    return ""


def notice(context: Context) -> Line:
    """The message of the last action, else the study's note, else the filter."""
    message = context.current_message()
    if message is not None:
        return line((clean(message[0]), message[1]))
    row = context.store.study_row
    if row is not None and row.note:
        return line((clean(row.note), "warn"))
    if row is not None and row.state != "running" and row.reason:
        return line((clean(row.reason), "dim"))
    if context.rows.filter.text:
        return line(("/" + clean(context.rows.filter.text), "input"), (f" {context.key('back')} clears", "dim"))
    return line(("read-only", "dim")) if context.options.read_only else ()


QUIT_FROM = 90
"""Cells of the terminal from which the key bar always names the key that leaves."""


def key_bar(
    actions: Sequence[Action], width: int, idle: Collection[str] = ()
) -> tuple[Line, list[tuple[int, int, str]]]:
    """The keys of the moment, as many as fit; with (first cell, behind last cell, action id) for the mouse.

    Command and help always have their place, the last: everything else can be found through them. From `QUIT_FROM`
    cells on so has the way out.

    Args:
        actions: The actions to choose from.
        width: Cells.
        idle: Ids of actions that do nothing to the chosen trials; they keep their place and are dim.
    """
    ordered = sorted((a for a in actions if a.bar is not None), key=lambda a: a.bar or 0)
    last = ("quit", "palette", "help") if width >= QUIT_FROM else ("palette", "help")
    always = sorted((a for a in ordered if a.id in last), key=lambda a: last.index(a.id))
    room = width - 1 - sum(_size(a) for a in always)
    chosen: list[Action] = []
    for action in ordered:
        if action not in always and _size(action) <= room:
            chosen.append(action)
            room -= _size(action)
    spans: list[Span] = [(" ", "text")]
    zones: list[tuple[int, int, str]] = []
    used = 1
    for action in (*chosen, *always):
        size = _size(action)
        zones.append((used, used + size - 2, action.id))
        dim = action.id in idle
        spans += [(_key(action), "dim" if dim else "key"), (f" {action.label}  ", "dim" if dim else "text")]
        used += size
    return fit_line(spans, width), zones


def _size(action: Action) -> int:
    return len(_key(action)) + len(action.label) + 3


def _key(action: Action) -> str:
    return "+/-" if action.id == "priority-up" else shown(action.keys[0])
