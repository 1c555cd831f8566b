"""The answer of an analysis: verdicts, tables, remarks, figures by name and files.

Owns that one shape for all kinds, so that every front end can show any of them. Standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tuned.analyses.table import Table
from tuned.analyses.verdict import Verdict
from tuned.protocol import encode_all


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of one analysis.

    Attributes:
        verdicts: The most pressing first.
        notes: Sentences that belong to no table.
        figures: Data beyond tables, for front ends and scripts (points of a plot, a fitted curve); arrays allowed.
        files: Name -> content as text, for what ends up in files (an HTML report, LaTeX tables).
    """

    verdicts: tuple[Verdict, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "verdicts": [verdict.to_dict() for verdict in self.verdicts],
            "tables": [table.to_dict() for table in self.tables],
            "notes": list(self.notes),
            "figures": encode_all(self.figures),
            "files": dict(self.files),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Answer:
        """The inverse of `to_dict`; unknown fields are ignored."""
        return cls(
            tuple(Verdict.from_dict(verdict) for verdict in data["verdicts"]),
            tuple(Table.from_dict(table) for table in data["tables"]),
            tuple(data["notes"]),
            data["figures"],
            data["files"],
        )
