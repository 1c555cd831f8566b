"""How a study stands on the command line, in the words of lists and progress lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuned.cli import render

if TYPE_CHECKING:
    from tuned.wire import StudyRow, StudySummary


def state(row: StudyRow | StudySummary) -> str:
    """The study's state with its glyph; a study whose trials all wait is not called running."""
    return render.state("queued" if row.waits else row.state)


def reason(row: StudyRow | StudySummary) -> str:
    """The reason of that state; empty where there is nothing to say."""
    return "waits for a slot" if row.waits else row.reason
