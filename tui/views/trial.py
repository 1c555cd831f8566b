"""One trial: its parameters, its facts, and the reason for this point."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rich.cells import cell_len

from tui import format as fmt
from tui.cells import Line, clean, fit, line, text_of
from tui.context import Context
from tui.glyphs import intent_of, trial_state
from tui.steps import is_aside
from tui.views.frame import fact, folded, pane_title
from tuned.core import words
from tuned.core.playbook.spec import CONFIRM_STAGE
from tuned.core.states import LIVE
from tuned.core.trials.ran import attempt_ran_s, ran_s
from tuned.wire import TrialDetail, TrialRow


def parameters(context: Context, width: int, whole: bool) -> list[Line]:
    """The selected trial: parameters, values, why this point; `whole` folds what is longer than a line."""
    store, glyphs = context.store, context.glyphs
    row = store.trial(store.selected)
    lines: list[Line] = []
    if row is None:
        return lines
    name_width = max((len(name) for name in row.params), default=4)
    name_width = min(name_width, max(6, width // 2))
    for name, value in row.params.items():
        begin = line((" " + fit(clean(name), name_width, more=glyphs.more) + " ", "dim"), fmt.param_exact(value))
        lines += _whole(begin, width) if whole else [begin]
    if row.why:
        lines.append(pane_title("Why this point", "", width, glyphs, False))
        lines += [line((" " + piece, "text")) for piece in folded(clean(row.why), width - 2)]
    lines.append(pane_title("Facts", "", width, glyphs, False))
    for name, text, style in trial_facts(context, row):
        begin = fact(name, text, style)
        lines += _whole(begin, width) if whole else [begin]
    return lines


def _whole(named: Line, width: int) -> list[Line]:
    """A name and its text, folded below one another where it is longer than a line."""
    (name, dim), *rest = named
    indent = " " * cell_len(name)
    pieces = folded(text_of(rest), max(4, width - len(indent))) or [""]
    return [line((name if not place else indent, dim), (piece, rest[0][1])) for place, piece in enumerate(pieces)]


def trial_facts(context: Context, row: TrialRow) -> list[tuple[str, str, str]]:
    """(name, text, style) of a trial's facts beside its parameters."""
    now = context.store.clock()
    state, style = trial_state(context.glyphs, row.state, intent_of(row), row.failure)
    result = [("state", state, style)]
    result += [(name, fmt.number(value, 6), "text") for name, value in row.values.items()]
    rank = context.rows.rank(row.number)
    if rank:
        result.append(("rank", f"{rank[0]} of {rank[1]}", "text"))
    if row.breaks:
        result.append(("breaks", ", ".join(row.breaks), "warn"))
    if row.failure or row.reason:
        result.append(("reason", f"{row.failure or ''} {row.reason}".strip(), "warn"))
    result += [("origin", row.origin, "text"), ("priority", str(row.priority), "text"), ("seed", str(row.seed), "text")]
    if row.attempt:
        result += [("attempt", str(row.attempt), "text"), ("device", context.store.slot(row.device), "text")]
    seconds = ran_s(row, now)
    if seconds is not None:
        result.append(("ran", words.duration(seconds), "text"))
    if is_aside(row):
        result.insert(1, ("stage", row.stage, "title"))
    if row.retry_of:
        result.append(("repeats" if row.stage == CONFIRM_STAGE else "copy of", f"#{row.retry_of}", "text"))
    detail = context.store.detail
    if detail is not None and detail.trial.number == row.number:
        if detail.waits_for and row.state in LIVE:
            result.insert(1, ("waits for", detail.waits_for, "warn"))
        if detail.arguments:
            result.append(("command", " ".join(detail.arguments), "text"))
        if detail.run_dir:
            result.append(("folder", detail.run_dir, "text"))
        if detail.bad_lines:
            result.append(("unreadable", f"{words.count(detail.bad_lines, 'line')} of metrics", "warn"))
    return result


def attempts(detail: TrialDetail) -> list[Line]:
    """One line for each process of the trial: when, where, how long, how it ended."""
    lines: list[Line] = []
    for attempt in detail.attempts:
        ended: dict[str, Any] = attempt.get("exit") or {}
        begin, end = attempt.get("started_at"), attempt.get("ended_at")
        parts = [f"{attempt.get('mode') or ''} on {attempt.get('slot') or attempt.get('device') or '?'}".strip()]
        ran = attempt_ran_s(attempt)
        if ran is not None:
            parts.append(f"ran {words.duration(ran)}")
        if ended:
            code, number = ended.get("code"), ended.get("signal")
            parts.append(f"signal {number}" if number is not None else f"exit code {code}")
            if ended.get("max_rss_kb"):
                parts.append(f"peak {words.size(ended['max_rss_kb'] * 1024)}")
        elif begin is not None and end is None:
            parts.append("running")
        at = datetime.fromtimestamp(begin).astimezone().strftime("%H:%M:%S") if begin is not None else "        "
        name = f"attempt {attempt.get('attempt')} "
        lines.append(line((f" {at} ", "dim"), (name, "strong"), (clean(", ".join(parts)), "text")))
    return lines
