"""`advise`: every rule on one study, the most pressing verdict first.

Owns the list of rules. A rule is a function `(StudyData) -> iterable of Verdict`; each names its threshold and where
that comes from in its docstring, and says nothing where it cannot judge.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from importlib import import_module

from tuned.core.errors import InvalidInput
from tuned.playbook.answer import Answer
from tuned.playbook.curve_table import curve_table
from tuned.playbook.infeasible import infeasible_table
from tuned.playbook.length_rules import histogram
from tuned.playbook.question import Question
from tuned.playbook.sampling import best_of_table
from tuned.playbook.study_data import StudyData
from tuned.playbook.table import Table
from tuned.playbook.verdict import LEVELS, Verdict, sort_verdicts

log = logging.getLogger(__name__)

Rule = Callable[[StudyData], Iterable[Verdict]]

RULES: tuple[tuple[str, str], ...] = (
    ("tuned.playbook.infeasible", "infeasible_rule"),
    ("tuned.playbook.curve_rules", "curve_rules"),
    ("tuned.playbook.bounds", "near_bound"),
    ("tuned.playbook.length_rules", "length_rules"),
    ("tuned.playbook.space_rules", "space_rules"),
    ("tuned.playbook.sampling", "sampling_rule"),
    ("tuned.playbook.duplicates", "duplicates"),
    ("tuned.playbook.hard_examples", "example_verdicts"),
    ("tuned.playbook.gradients", "gradient_flow"),
    ("tuned.playbook.gradients", "clipping"),
    ("tuned.playbook.gradients", "warm_up"),
    ("tuned.playbook.model_size", "model_size"),
    ("tuned.playbook.data_size", "data_size"),
)
"""(module, function), in the order in which verdicts of a level are shown."""


def advise(question: Question) -> Answer:
    """All verdicts. Options: `level`: only those at least as pressing; `trials=yes`: the tables behind them too."""
    question.allow("level", "trials")
    least = question.options.get("level", "info")
    if least not in LEVELS:
        raise InvalidInput(f"{least!r} is no level", where="level", hint="levels are " + ", ".join(LEVELS))
    verdicts, notes = judge(question.study)
    kept = tuple(v for v in verdicts if LEVELS.index(v.level) <= LEVELS.index(least))
    worst = verdicts[0].level if verdicts else "info"
    if worst == "info":
        notes = ("Nothing to warn of.", *notes)
    tables = tuple(_tables(question.study)) if question.options.get("trials") == "yes" else ()
    return Answer(kept, tables, notes, figures={"worst": worst, "trials": len(question.study.trials)})


def _tables(study: StudyData) -> Iterable[Table]:
    """The evidence in full: curves by trial, where the best checkpoints lie, best of n, what failed."""
    if study.spec.objective is None:
        return
    yield curve_table(study)
    yield from (t for t in (histogram(study), best_of_table(study), infeasible_table(study)) if t is not None)


def judge(study: StudyData) -> tuple[tuple[Verdict, ...], tuple[str, ...]]:
    """The verdicts on a study, and remarks on what could not be judged."""
    if study.spec.objective is None:
        return (), ("This study has no objective: there is nothing to judge by.",)
    found: list[Verdict] = []
    notes: list[str] = []
    for module, function in RULES:
        rule: Rule = getattr(import_module(module), function)
        try:
            found += rule(study)
        except Exception as error:
            # A rule that trips over unusual data must not silence the others.
            log.exception("%s.%s failed on %s", module, function, study.name)
            notes.append(f"The rule {function} failed ({type(error).__name__}); see tunectl daemon logs.")
    return sort_verdicts(found), tuple(notes)
