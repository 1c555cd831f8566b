"""The steps of a study's playbook as lines."""

from __future__ import annotations

from tui import steps
from tui.cells import Line, Span, clean, fit, line
from tui.context import Context
from tui.glyphs import STATE_STYLES, Glyphs
from tui.views.frame import fact, pane_title
from tuned.wire import StepRow, StudyRow


def mark(step: StepRow, glyphs: Glyphs) -> Span:
    """The glyph of a step's state, with its style."""
    state = steps.LOOKS_LIKE.get(step.state, "")
    return glyphs.states.get(state, "?"), STATE_STYLES.get(state, "text")


def listed(context: Context, row: StudyRow, width: int) -> list[Line]:
    """A title with `3 of 7`, and one line a step: its state, its name, its result or the reason why it waits."""
    glyphs = context.glyphs
    lines = [pane_title("Playbook", steps.count(row), width, glyphs, False)]
    now = steps.present(row.steps)
    names = min(12, max(len(step.id) for step in row.steps))
    for step in row.steps:
        here = now is not None and now[1] is step
        room = width - names - 4
        # The reason of a pause is long; that it is one must be seen first.
        told = clean(step.why) if step.why and (step.state != "paused" or len(step.why) <= room) else step.state
        text = "" if told == "waiting" else told
        lines.append(
            line(
                (f" {mark(step, glyphs)[0]} ", mark(step, glyphs)[1]),
                (fit(clean(step.id), names, more=glyphs.more) + " ", "strong" if here else "text"),
                (fit(text, max(0, room), more=glyphs.more).rstrip(), "dim"),
            )
        )
    return lines


def short(row: StudyRow) -> list[Line]:
    """The same in one line, and the reason where it does not simply run."""
    found = steps.present(row.steps)
    if found is None:
        return [fact("steps", steps.count(row))]
    lines = [fact("step", steps.brief(row), "warn" if found[1].state == "paused" else "text")]
    return [*lines, line((" " + clean(found[1].why), "dim"))] if found[1].why else lines
