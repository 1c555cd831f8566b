"""`effects`: what each hyperparameter of a study does."""

from __future__ import annotations

import numpy as np

from tuned.playbook.answer import Answer
from tuned.playbook.groups import group
from tuned.playbook.question import Question
from tuned.playbook.table import Column, Table


def effects(question: Question) -> Answer:
    """A table for each parameter, or for the one that the option `param` names."""
    question.allow("param", "by", "metric")
    study = question.study
    names = question.names("param") or tuple(p.name for p in study.space.tunable)
    sign = study.sign
    columns = (Column("value"), Column("trials", "count"), Column("mean", "number"), Column("best", "number"))
    tables = []
    for name in names:
        rows = []
        for one in group(study.parameter(name), study.ranked):
            results = study.outcome(one.trials)
            rows.append((one.label, len(results), float(np.mean(results)), float(sign * np.min(sign * results))))
        tables.append(Table(f"effects.{name}", f"{study.objective.metric} by {name}", columns, tuple(rows)))
    return Answer(tables=tuple(tables))
