"""Every non-letter that the UI draws, in Unicode and in ASCII, and the words for states.

Owns the rule that a state is always a glyph and a word, so that nothing depends on colour alone. Knows no layout.
"""

from __future__ import annotations

from dataclasses import dataclass

from tuned.core.state_words import TRIAL_WORDS
from tuned.core.states import LIVE, Failure, TrialState
from tuned.wire import StudyRow, TrialRow

STOPPING_WORDS = {"pause": "PAUSING", "prune": "PRUNING", "cancel": "CANCEL…", "kill": "KILLING", "freeze": "FROZEN"}
"""Intent on a live trial -> the word shown instead of its state."""

STUDY_WORDS = {
    "queued": "QUEUED",
    "running": "RUNNING",
    "paused": "PAUSED",
    "draining": "DRAINING",
    "completed": "COMPLETED",
    "stopped": "STOPPED",
    "failed": "FAILED",
}

STATE_STYLES = {
    "queued": "dim",
    "starting": "run",
    "running": "run",
    "paused": "warn",
    "draining": "warn",
    "completed": "good",
    "failed": "bad",
    "pruned": "dim",
    "cancelled": "dim",
    "stopped": "dim",
    "lost": "bad",
}
"""State -> style name (see `tui.palette`)."""


@dataclass(frozen=True, slots=True)
class Glyphs:
    """One set of characters; each is one cell wide.

    Attributes:
        states: State -> glyph, for trials and studies.
        stopping: A live trial that was asked to end.
        box: Corners (upper left, upper right, lower left, lower right), horizontal, vertical.
        curve: The sign of a trial whose curve is drawn, in its colour.
        blocks: Bar ends from empty to full, for horizontal bars.
        eighths: Levels from low to high, for sparklines.
        braille: Whether charts may use braille dots.
    """

    states: dict[str, str]
    stopping: str
    rule: str
    curve: str
    rail: str
    corner: str
    tick: str
    cursor: str
    mark: str
    more: str
    up: str
    down: str
    none: str
    dot: str
    arrow: str
    box: str
    blocks: str
    eighths: str
    braille: bool


UNICODE = Glyphs(
    states={
        "queued": "○",
        "starting": "◌",
        "running": "●",
        "paused": "║",
        "draining": "◐",
        "completed": "✓",
        "failed": "✗",
        "pruned": "⊘",
        "cancelled": "⊗",
        "stopped": "■",
        "lost": "?",
    },
    stopping="◑",
    rule="─",
    curve="━",
    rail="│",
    corner="└",
    tick="┤",
    cursor="▌",
    mark="+",
    more="…",
    up="▲",
    down="▼",
    none="–",
    dot="·",
    arrow="›",
    box="┌┐└┘─│",
    blocks=" ▏▎▍▌▋▊▉█",
    eighths="▁▂▃▄▅▆▇█",
    braille=True,
)

ASCII = Glyphs(
    states={
        "queued": "o",
        "starting": ":",
        "running": "*",
        "paused": "=",
        "draining": "%",
        "completed": "v",
        "failed": "x",
        "pruned": "/",
        "cancelled": "c",
        "stopped": "#",
        "lost": "?",
    },
    stopping="%",
    rule="-",
    curve="=",
    rail="|",
    corner="+",
    tick="|",
    cursor=">",
    mark="+",
    more="~",
    up="^",
    down="v",
    none="-",
    dot="-",
    arrow=">",
    box="++++-|",
    blocks=" #",
    eighths="_.-=+*%#",
    braille=False,
)


def trial_state(glyphs: Glyphs, state: str, stop_reason: str | None, failure: str | None = None) -> tuple[str, str]:
    """Text (`● RUN`) and style name of a trial's state.

    An intent on a live trial is shown instead of "running", and the kind of a failure instead of "failed".
    """
    if stop_reason and state in LIVE:
        word = STOPPING_WORDS.get(stop_reason, "ENDING")
        return f"{glyphs.stopping} {word if glyphs.braille else word.replace('…', '.')}", "warn"
    word = TRIAL_WORDS.get(state, state.upper()[:7])
    if state == TrialState.FAILED and failure not in (None, Failure.ERROR):
        word = str(failure).upper()[:7]
    return f"{glyphs.states.get(state, '?')} {word}", STATE_STYLES.get(state, "text")


def intent_of(row: TrialRow) -> str | None:
    """The intent on a live trial, shown instead of "running": its stop reason, or `freeze`."""
    return row.stop_reason or ("freeze" if row.frozen else None)


def standing(row: StudyRow) -> str:
    """The state that a study is shown in: one whose trials all wait is not called running."""
    return "queued" if row.waits else row.state


def study_state(glyphs: Glyphs, state: str) -> tuple[str, str]:
    """Text (`● RUNNING`) and style name of a study's state, as `standing` gives it."""
    word = STUDY_WORDS.get(state, state.upper())
    return f"{glyphs.states.get(state, '?')} {word}", STATE_STYLES.get(state, "text")
