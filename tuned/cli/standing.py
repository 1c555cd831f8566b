"""A study's state on the command line, in the words of lists and progress lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuned.cli import render

if TYPE_CHECKING:
    from tuned.wire import StudyRow


def state(row: StudyRow) -> str:
    """The study's state with its glyph; a study whose trials all wait is not called running."""
    return f"{render.state('queued')}: waits for a slot" if row.waits else render.state(row.state)
