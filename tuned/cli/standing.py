"""How far a study has come, in the words of lists and progress lines.

Owns the one count of finished trials and the one description of a study's state on the command line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuned.cli import render

if TYPE_CHECKING:
    from tuned.wire import StudyRow


def searched(row: StudyRow) -> dict[str, int]:
    """State -> trials of the search, one for each point: repetitions and the trials of later steps are left out."""
    found = {state: n - row.aside.get(state, 0) - row.again.get(state, 0) for state, n in row.counts.items()}
    return {state: n for state, n in found.items() if n}


def finished(row: StudyRow) -> int:
    """Points of the search whose trial has ended with a result, or failed."""
    found = searched(row)
    return sum(found.get(state, 0) for state in ("completed", "failed", "pruned"))


def total(row: StudyRow) -> int | None:
    """Points that the search has in all, those that a person added included; None where a time budget alone ends it."""
    return None if row.trials is None else max(row.trials, finished(row))


def waits(row: StudyRow) -> bool:
    """Whether trials of a running study are queued and none of them runs."""
    live = sum(row.counts.get(state, 0) for state in ("starting", "running"))
    return row.state == "running" and not live and bool(row.counts.get("queued"))


def state(row: StudyRow) -> str:
    """The study's state with its glyph; a study whose trials all wait is not called running."""
    return f"{render.state('queued')}: waits for a slot" if waits(row) else render.state(row.state)
