"""Events in a few words. Owns these words."""

from __future__ import annotations

from typing import Any

from tui import format as fmt
from tui.glyphs import Glyphs, study_state, trial_state
from tui.steps import LOOKS_LIKE
from tuned.core import events as ev
from tuned.core.state_words import told
from tuned.wire import EventRow

_STEP_STYLES = {"failed": "bad", "paused": "warn", "skipped": "dim", "done": "good"}


def describe(row: EventRow, glyphs: Glyphs) -> tuple[str, str]:
    """An event in a few words, and their style."""
    data: dict[str, Any] = row.data
    reason = data.get("reason") or ""
    match row.type:
        case ev.STUDY_SUBMITTED:
            return "submitted", "text"
        case ev.STUDY_DELETED:
            return "deleted", "warn"
        case ev.STUDY_NOTE | ev.MACHINE_CLOCK:
            return str(data.get("text", "")), "warn"
        case ev.STUDY_MOVED:
            state, style = study_state(glyphs, str(data.get("to", "")))
            return told(state, reason), style
        case ev.STUDY_STEP:
            return _step(data, glyphs)
        case ev.STUDY_PHASE:
            return f"points by {data.get('method', '?')} from now on" + _because(data), "text"
        case ev.STUDY_CHANGED:
            return "changed: " + "; ".join(data.get("changes") or []), "text"
        case ev.STUDY_SPACE:
            changes = "; ".join(data.get("changes") or []) or "as it was"
            return f"space v{data.get('version', '?')}: {changes}", "text"
        case ev.TRIAL_MOVED:
            state, style = trial_state(glyphs, str(data.get("to", "")), None)
            return told(state, reason), style
        case ev.TRIAL_QUEUED:
            return f"queued by {data.get('origin', '?')}" + _because(data), "dim"
        case ev.TRIAL_REPLACED:
            return f"has another point, by {data.get('origin', '?')}" + _because(data), "dim"
        case ev.TRIAL_INTENT:
            asked = str(data.get("stop_reason") or "go on")
            return f"{data.get('actor', 'user')} asked: {asked}" + _because(data), "warn"
        case ev.TRIAL_FROZEN:
            return ("stands still", "warn") if data.get("frozen") else ("goes on", "text")
        case ev.TRIAL_RUNG:
            return _rung(data), "dim"
        case ev.STUDY_PRIORITY | ev.TRIAL_PRIORITY:
            return f"priority {data.get('from')} to {data.get('to')}", "text"
    return row.type.partition(".")[2], "dim"


def _because(data: dict[str, Any]) -> str:
    return f": {data['why']}" if data.get("why") else ""


def _step(data: dict[str, Any], glyphs: Glyphs) -> tuple[str, str]:
    state = str(data.get("state", "?"))
    glyph = glyphs.states.get(LOOKS_LIKE.get(state, ""), "?")
    name = data.get("id") or data.get("step") or "?"
    return told(f"{glyph} step {name} {state}", data.get("why") or ""), _STEP_STYLES.get(state, "text")


def _rung(data: dict[str, Any]) -> str:
    value, step = fmt.number(data.get("value")), fmt.step(data.get("step"))
    peers = f", the best {data['passing']} of {data['peers']} pass" if data.get("passing") else ""
    return f"{data.get('verdict', '?')} at step {step}: {value}{peers}"
