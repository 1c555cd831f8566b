"""The steps of a study's playbook in the few words that the UI shows, and the verbs for one. Pure.

Owns which step counts as the present one. The daemon defines the steps.
"""

from __future__ import annotations

from collections.abc import Sequence

from tuned.core.playbook.steps import OVER, StepState
from tuned.core.study import SEARCH
from tuned.wire import StepRow, StudyRow, TrialRow

LOOKS_LIKE = {
    "waiting": "queued",
    "running": "running",
    "paused": "paused",
    "done": "completed",
    "skipped": "pruned",
    "failed": "failed",
}
"""State of a step -> the state of a trial whose glyph and style it has."""


def is_over(step: StepRow) -> bool:
    """Whether nothing more comes of it."""
    return StepState(step.state) in OVER


def present(steps: Sequence[StepRow]) -> tuple[int, StepRow] | None:
    """The step at work, else the one that is next, with its place from 1; None when all are over."""
    open_ = [(place, step) for place, step in enumerate(steps, start=1) if not is_over(step)]
    return min(open_, key=lambda entry: entry[1].state != "running", default=None)


def brief(row: StudyRow) -> str:
    """`confirm 3/5`, `confirm 3/5 paused`; empty when there are no steps, or none is left."""
    found = present(row.steps)
    if found is None:
        return ""
    place, step = found
    where = f"{step.id} {place}/{len(row.steps)}" if len(row.steps) > 1 else step.id
    return where if step.state == "running" else f"{where} {step.state}"


def count(row: StudyRow) -> str:
    """`3 of 7`: which step it is; `over` behind the last one."""
    found = present(row.steps)
    return f"{found[0]} of {len(row.steps)}" if found else "over"


def verbs(step: StepRow) -> tuple[str, ...]:
    """The verbs that a step takes: `pause`, `resume`, `skip`."""
    if is_over(step):
        return ()
    return ("resume", "skip") if step.state == "paused" else ("pause", "skip")


def is_aside(row: TrialRow) -> bool:
    """Whether a trial ran for a step and not for the search: a repetition, the final training, the test."""
    return row.stage not in ("", SEARCH)
