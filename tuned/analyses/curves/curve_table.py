"""The diagnosis of every trial's curves as a table. Owns its columns."""

from __future__ import annotations

from collections.abc import Sequence

from tuned.analyses.curves.diagnosis import LABELS, diagnose
from tuned.analyses.study_data import StudyData, TrialData
from tuned.analyses.table import Cell, Column, Table

COLUMNS = (
    Column("number", "count"),
    Column("state"),
    Column("value", "number"),
    Column("labels", "text", "curves"),
    Column("best_step", "number", "best at"),
    Column("best_share", "share", "of its steps"),
    Column("converged_step", "number", "converged at"),
    Column("last", "number", "at the end"),
    Column("train", "number"),
    Column("gap", "number"),
    Column("noise", "number"),
    Column("late_gain", "share", "last quarter"),
)


def curve_table(study: StudyData, only: Sequence[TrialData] | None = None) -> Table:
    """One row a trial of the search, best first, those without a result last; validation and training side by side."""
    ranked = study.ranked if only is None else only
    placed = {t.number for t in ranked}
    rest = [t for t in study.searched if t.number not in placed and t.started_at is not None] if only is None else []
    rows: list[tuple[Cell, ...]] = []
    seen: set[str] = set()
    for trial in (*ranked, *rest):
        d = diagnose(study, trial)
        seen.update(d.labels)
        figures = (d.best_step, d.best_share, d.converged_step, d.last, d.train_last, study.sign * d.gap)
        value = trial.values.get(study.objective.metric)
        known = tuple(None if figure != figure else figure for figure in figures)
        tail: tuple[Cell, ...] = (None, None) if d.has("short") or d.last != d.last else (d.noise, d.late_gain)
        rows.append((trial.number, trial.state, value, ", ".join(d.labels), *known, *tail))
    notes = tuple(f"{label}: {text}." for label, text in LABELS.items() if label in seen)
    return Table("curves", f"Curves of {study.objective.metric} by trial", COLUMNS, tuple(rows), notes)
