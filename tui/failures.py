"""Failed trials by cause, as the UI names them. Pure.

Owns the names; what counts as the same cause is the daemon's rule, too (`tuned.core.trials.causes`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tuned.core import words
from tuned.core.trials.causes import by_cause, kind
from tuned.wire import TrialRow

_NAMED = 6


@dataclass(frozen=True, slots=True)
class Cause:
    """Trials that failed in the same way, the newest first; `reason` is the newest one's."""

    kind: str
    reason: str
    rows: tuple[TrialRow, ...]

    @property
    def label(self) -> str:
        """`3 trials oom  #9, #7, #2`."""
        shown = ", ".join(f"#{row.number}" for row in self.rows[:_NAMED])
        more = f" and {len(self.rows) - _NAMED} more" if len(self.rows) > _NAMED else ""
        return f"{words.count(len(self.rows), 'trial')} {self.kind}  {shown}{more}"


def causes(rows: Iterable[TrialRow]) -> list[Cause]:
    """The failures by cause, the most frequent first."""
    return [Cause(kind(alike[0]), alike[0].reason, tuple(alike)) for alike in by_cause(rows)]
