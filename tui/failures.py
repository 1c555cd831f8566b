"""Failed trials by the cause of their failure. Pure.

Owns what counts as the same cause: the same kind and the same words, whatever the numbers in them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tuned.core import words
from tuned.wire import TrialRow

_NUMBERS = re.compile(r"0x[0-9a-f]+|\d+(?:\.\d+)?(?:e[+-]?\d+)?", re.IGNORECASE)
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
    found: dict[tuple[str, str], list[TrialRow]] = {}
    for row in sorted(rows, key=lambda row: -row.number):
        kind = row.failure or row.state
        found.setdefault((kind, _NUMBERS.sub("0", row.reason)), []).append(row)
    groups = [Cause(kind, rows_[0].reason, tuple(rows_)) for (kind, _), rows_ in found.items()]
    return sorted(groups, key=lambda cause: -len(cause.rows))
