"""`effects --by A,B`: two parameters together, with training, validation and the gap between them.

Owns that table. Cells without a trial are rows too: what was not tried is part of the answer.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from tuned.analyses.answer import Answer
from tuned.analyses.curves.twins import twin
from tuned.analyses.groups import Group, group
from tuned.analyses.parameters.measures import left_out
from tuned.analyses.question import Question
from tuned.analyses.study_data import StudyData, TrialData
from tuned.analyses.table import Cell, Column, Table
from tuned.core.errors import InvalidInput


def two_way(question: Question) -> Answer:
    """The table of two parameters.

    Raises:
        InvalidInput: The option `by` does not name two parameters of the space.
    """
    names = question.names("by")
    if len(names) != 2 or names[0] == names[1]:
        raise InvalidInput(
            f"{', '.join(names)!r} is not two parameters", where="by", hint="such as by=depth,regularizer"
        )
    return Answer(tables=(two_way_table(question.study, *names),))


def two_way_table(study: StudyData, first: str, second: str) -> Table:
    """Results by the values of two parameters, those of trials that early stopping did not cut.

    Raises:
        InvalidInput: A parameter is not in the space.
    """
    trials = study.ranked
    rows = _groups(study, first, trials)
    columns = _groups(study, second, trials)
    cells = []
    for one, other in itertools.product(rows, columns):
        inside = {trial.number for trial in other.trials}
        members = [trial for trial in one.trials if trial.number in inside]
        cells.append((one.label, other.label, *_cell(study, members)))
    headings = (
        Column("first", title=first),
        Column("second", title=second),
        Column("trials", "count"),
        Column("best", "number", f"best {study.objective.metric}"),
        Column("best_trial", "count", "trial"),
        Column("mean", "number", "mean"),
        Column("train", "number", "mean train"),
        Column("gap", "number", "mean gap"),
    )
    notes = [
        "The other parameters differ from cell to cell: compare the best ones where the cells hold several trials."
    ]
    notes += left_out(study)
    if all(cell[6] is None for cell in cells):
        notes.append(
            "There is no training twin of the objective: report train_* beside val_*, or name objective.train."
        )
    else:
        notes.append("The gap is how much worse validation is than training; both at the step that counts.")
    title = f"{study.objective.metric} by {first} and {second}"
    return Table(f"effects.{first}.{second}", title, headings, tuple(cells), tuple(notes))


def _groups(study: StudyData, name: str, trials: Sequence[TrialData]) -> tuple[Group, ...]:
    return group(study.parameter(name), trials, bins=3)


def _cell(study: StudyData, members: Sequence[TrialData]) -> tuple[Cell, ...]:
    if not members:
        return (0, None, None, None, None, None)
    best = min(members, key=lambda t: (study.sign * t.values[study.objective.metric], t.number))
    pairs = [pair for pair in (twin(study, trial) for trial in members) if pair is not None]
    return (
        len(members),
        best.values[study.objective.metric],
        best.number,
        float(np.mean(study.outcome(members))),
        float(np.mean([pair.train for pair in pairs])) if pairs else None,
        float(np.mean([pair.gap for pair in pairs])) if pairs else None,
    )
