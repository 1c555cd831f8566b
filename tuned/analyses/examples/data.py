"""`data`: what the data is like, as far as trials left predictions, hashes and different sizes of it.

Owns the answer's order. Each part is left out, and said how to get, where trials left nothing for it.
"""

from __future__ import annotations

from tuned.analyses.answer import Answer
from tuned.analyses.examples.data_size import data_size, size_curve, size_curve_table
from tuned.analyses.examples.duplicates import duplicate_table, duplicates, latest_hashes
from tuned.analyses.examples.hard_examples import TOP, class_table, example_verdicts, hard_table, panel
from tuned.analyses.question import Question
from tuned.analyses.table import Table
from tuned.analyses.verdict import sort_verdicts


def data(question: Question) -> Answer:
    """Verdicts and tables on a study's data. Options: `split` (default `validation`), `top` (how many of the best)."""
    question.allow("split", "top")
    study, split = question.study, question.options.get("split", "validation")
    found, notes = panel(study, split, max(1, int(question.number("top", TOP))))
    tables: list[Table | None] = [size_curve_table(study)]
    if size_curve(study) is None:
        notes.append(
            "No curve over the size of the training set: put it into the space, such as "
            "fraction = [0.125, 0.25, 0.5, 1.0], and train on so much of the data."
        )
    if found is None:
        notes.append(
            f"No trial saved predictions of {split} with targets: call trial.save_predictions({split!r}, "
            "probabilities, targets), or name the file of an unmodified script in [metrics] as predictions."
        )
    else:
        tables += [class_table(found), hard_table(found)]
    hashes = latest_hashes(study)
    if hashes is None:
        notes.append("No trial left hashes of its examples: call trial.data_hashes(split, inputs, targets).")
    else:
        tables.append(duplicate_table(hashes[1]))
    verdicts = sort_verdicts([*duplicates(study), *example_verdicts(study), *data_size(study)])
    return Answer(verdicts, tuple(table for table in tables if table is not None), tuple(notes))
