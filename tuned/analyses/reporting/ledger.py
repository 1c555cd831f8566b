"""Where the time of the slots went: trials by how they ended, and what stood idle.

Owns that account. It adds up: every slot second between the first start and the end is in one line of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from tuned.analyses.study_data import StudyData, TrialData
from tuned.analyses.table import Column, Table
from tuned.core.playbook.spec import CONFIRM_STAGE, FINALIZE_STAGE, TEST_STAGE
from tuned.core.ranking import whole

WORDS = {
    "completed": "completed",
    "pruned": "stopped early",
    "cancelled": "cancelled",
    "lost": "lost",
    "running": "still running",
    "paused": "paused",
    "queued": "to be tried again",
    "starting": "still running",
}
CONVERGED = "converged"
"""Trials that ended where `patience` found them converged: their results are whole."""
STAGES = {CONFIRM_STAGE: "repetitions", FINALIZE_STAGE: "final training", TEST_STAGE: "test"}
"""Purposes of completed trials beside the search."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: how many trials, and slot seconds."""

    what: str
    trials: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Ledger:
    """The lines from the most time to the least, idle last; `slots` trials could run at once for `wall` seconds."""

    entries: tuple[Entry, ...]
    slots: int
    wall: float

    @property
    def total(self) -> float:
        """Slot seconds of all lines."""
        return sum(entry.seconds for entry in self.entries)


def ledger(study: StudyData) -> Ledger:
    """The account of a study."""
    ran = [trial for trial in study.trials if trial.started_at is not None and trial.seconds is not None]
    counts: dict[str, list[float]] = {}
    for trial in ran:
        counts.setdefault(_ended_as(trial), []).append(trial.seconds or 0.0)
    entries = sorted((Entry(what, len(s), sum(s)) for what, s in counts.items()), key=lambda e: -e.seconds)
    if not ran:
        return Ledger((), study.slots, 0.0)
    first = min(trial.started_at or 0.0 for trial in ran)
    end = max((trial.started_at or 0.0) + (trial.seconds or 0.0) for trial in ran)
    slots = min(study.slots, study.spec.search.parallel or study.slots)
    idle = max(0.0, slots * (end - first) - sum(entry.seconds for entry in entries))
    return Ledger((*entries, Entry("idle, or with other studies", 0, idle)), slots, end - first)


def _ended_as(trial: TrialData) -> str:
    if trial.state == "failed":
        return f"failed: {trial.failure or 'error'}"
    if trial.state == "completed" and trial.stage in STAGES:
        return STAGES[trial.stage]
    if trial.state != "completed" and whole(trial):
        return CONVERGED
    return WORDS.get(trial.state, trial.state)


def ledger_table(study: StudyData) -> Table:
    """The account as a table, in slot hours."""
    account = ledger(study)
    total = account.total or 1.0
    columns = (Column("what"), Column("trials", "count"), Column("time", "seconds"), Column("share", "share"))
    rows = tuple((e.what, e.trials or None, e.seconds, e.seconds / total) for e in account.entries)
    if not rows:
        return Table("ledger", "Where the slots' time went", columns, (), ("No trial has run yet.",))
    slots = "one slot" if account.slots == 1 else f"{account.slots} slots"
    note = f"Time of {slots} from the first start to the last end; a slot runs one trial at a time."
    return Table("ledger", "Where the slots' time went", columns, (*rows, ("all", None, account.total, 1.0)), (note,))
