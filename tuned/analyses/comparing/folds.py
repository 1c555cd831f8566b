"""Cross-validated trials compared fold by fold.

Owns the comparison: differences on the same folds, with an interval that allows for the folds' common training data.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import stats

from tuned.analyses.answer import Answer
from tuned.analyses.comparing.repeated import decide
from tuned.analyses.intervals import LEVEL, Mean, deviation, mean_of
from tuned.analyses.question import Question
from tuned.analyses.study_data import StudyData, TrialData
from tuned.analyses.table import Column, Table
from tuned.core.errors import InvalidInput
from tuned.protocol import FOLDS_PREFIX

_COLUMNS = (
    Column("trial", "count"),
    Column("decision"),
    Column("folds", "count"),
    Column("mean", "number"),
    Column("sem", "number"),
    Column("effect", "number", "better by"),
    Column("interval", "interval"),
)
TOP = 10


def paired(own: Mapping[int, float], other: Mapping[int, float], sign: float, k: int) -> Mean:
    """How much better `own` is than `other` over their common folds, larger is better.

    The folds' models share most of their training data, so their differences spread less than independent ones would;
    the variance is raised by n_test / n_train = 1 / (k - 1) for it (Nadeau and Bengio's correction).
    """
    both = sorted(own.keys() & other.keys())
    differences = np.array([sign * (other[fold] - own[fold]) for fold in both], dtype=float)
    plain = mean_of(differences)
    if plain.n < 2:
        return plain
    sem = deviation(differences, 1) * float(np.sqrt(1 / plain.n + 1 / (k - 1)))
    reach = float(stats.t.ppf(0.5 + LEVEL / 2, plain.n - 1)) * sem
    return Mean(plain.mean, sem, plain.mean - reach, plain.mean + reach, plain.n)


def fold_results(study: StudyData, trial: TrialData) -> dict[int, float]:
    """Fold -> the trial's result on it."""
    curve = trial.curve(FOLDS_PREFIX + study.objective.metric).finite
    return {int(step): float(value) for step, value in zip(curve.steps, curve.values, strict=True)}


def folds(question: Question) -> Answer:
    """The best cross-validated trials against one of them.

    Options:
        against: Number of the trial; default: the best.
        top: How many.

    Raises:
        InvalidInput: No trial has folds, or not that one.
    """
    question.allow("against", "top")
    study, top = question.study, int(question.number("top", TOP))
    # Trials that were cut short are compared all the same: on the folds that both have, nothing is unfair.
    trials = [*study.ranked, *(study.cut if study.full else ())]
    ranked = [(trial, fold_results(study, trial)) for trial in trials]
    ranked = [(trial, found) for trial, found in ranked if len(found) > 1]
    if not ranked:
        raise InvalidInput("no trial has reported folds", where=study.name, hint="for fold in trial.folds(5): ...")
    number = int(question.number("against", ranked[0][0].number))
    base = next((entry for entry in ranked if entry[0].number == number), None)
    if base is None:
        raise InvalidInput(f"trial {number} has no folds", where="against", hint=f"tunectl trials {study.name}")
    k = max(len(found) for _, found in ranked)
    rows: list[tuple[object, ...]] = []
    for trial, found in ranked[:top]:
        own = mean_of(list(found.values()))
        if trial is base[0]:
            rows.append((trial.number, "compared with", own.n, own.mean, own.sem, None, None))
            continue
        effect = paired(found, base[1], study.sign, k)
        word = {"adopt": "better", "reject": "worse", "undecided": "undecided"}[decide(effect)]
        rows.append((trial.number, word, own.n, own.mean, own.sem, effect.mean, effect.interval))
    note = f"paired over the same folds; 95 % intervals, corrected for the training data that the {k} folds share"
    title = f"{study.objective.metric} by folds, against trial {number}"
    return Answer(tables=(Table("folds", title, _COLUMNS, tuple(rows), (note,)),))
