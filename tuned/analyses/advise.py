"""`advise`: every rule on one study, the most pressing verdict first.

Owns the list of rules. A rule is a function `(StudyData) -> iterable of Verdict`; each names its threshold and where
that comes from in its docstring, and says nothing where it cannot judge.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module

from tuned.analyses.answer import Answer
from tuned.analyses.curves.curve_table import curve_table
from tuned.analyses.curves.length_rules import histogram
from tuned.analyses.question import Question
from tuned.analyses.space.infeasible import infeasible_table
from tuned.analyses.space.sampling import best_of_table
from tuned.analyses.stopping import stopping_table
from tuned.analyses.stories import one_story
from tuned.analyses.study_data import StudyData
from tuned.analyses.table import Table
from tuned.analyses.verdict import LEVELS, Verdict, sort_verdicts
from tuned.core import words
from tuned.core.errors import InvalidInput

log = logging.getLogger(__name__)

ENOUGH = 10
"""Results from which on every rule can speak."""

Rule = Callable[[StudyData], Iterable[Verdict]]

RULES: tuple[tuple[str, str], ...] = (
    ("tuned.analyses.space.infeasible", "infeasible_rule"),
    ("tuned.analyses.space.bounds", "near_bound"),
    ("tuned.analyses.space.idle", "idle_rule"),
    ("tuned.analyses.curves.curve_rules", "curve_rules"),
    ("tuned.analyses.curves.length_rules", "length_rules"),
    ("tuned.analyses.curves.length_rules", "evenness"),
    ("tuned.analyses.space.space_rules", "space_rules"),
    ("tuned.analyses.space.sampling", "sampling_rule"),
    ("tuned.analyses.space.sampling", "model_rule"),
    ("tuned.analyses.comparing.repetitions", "equal_rule"),
    ("tuned.analyses.stopping", "stopping_rule"),
    ("tuned.analyses.looks", "looks_rule"),
    ("tuned.analyses.examples.duplicates", "duplicates"),
    ("tuned.analyses.examples.hard_examples", "example_verdicts"),
    ("tuned.analyses.curves.gradients", "gradient_flow"),
    ("tuned.analyses.curves.gradients", "clipping"),
    ("tuned.analyses.curves.gradients", "warm_up"),
    ("tuned.analyses.model_size", "model_size"),
    ("tuned.analyses.examples.data_size", "data_size"),
    ("tuned.analyses.device_rules", "device_rules"),
)
"""(module, function), in the order in which verdicts of a level are shown."""


def advise(question: Question) -> Answer:
    """All verdicts. Options: `level`: only those at least as pressing; `trials=yes`: the tables behind them too;
    `trial`: a number: what is said of that trial, and its curves.
    """
    question.allow("level", "trials", "trial")
    least = question.options.get("level", "info")
    if least not in LEVELS:
        raise InvalidInput(f"{least!r} is no level", where="level", hint="levels are " + ", ".join(LEVELS))
    verdicts, notes = judge(question.study)
    kept = tuple(v for v in verdicts if LEVELS.index(v.level) <= LEVELS.index(least))
    worst = verdicts[0].level if verdicts else "info"
    if question.study.spec.objective is not None:
        notes = (*_summary(question.study, worst), *notes)
    if "trial" in question.options:
        return _of_trial(question, verdicts)
    tables = tuple(_tables(question.study)) if question.options.get("trials") == "yes" else ()
    return Answer(kept, tables, notes, figures={"worst": worst, "trials": len(question.study.searched)})


def _of_trial(question: Question, verdicts: Sequence[Verdict]) -> Answer:
    study, number = question.study, int(question.number("trial", 0))
    trial = next((t for t in study.trials if t.number == number), None)
    if trial is None:
        raise InvalidInput("there is no such trial", where=f"{study.name}/{number}")
    if study.spec.objective is None:
        return Answer()
    return Answer(tuple(v for v in verdicts if number in v.trials), (curve_table(study, (trial,)),))


def _summary(study: StudyData, worst: str) -> tuple[str, ...]:
    """The remark in place of verdicts: no alarm, or too few results to raise one."""
    results = len(study.ranked)
    if results < ENOUGH:
        has = "keep the constraints" if study.spec.constraints else "so far"
        return (f"{words.count(results, 'result')} {has}: most rules need {ENOUGH}.",)
    return ("Nothing to warn of.",) if worst == "info" else ()


def _tables(study: StudyData) -> Iterable[Table]:
    """The evidence in full: curves by trial, where the best checkpoints lie, best of n, failures, early stopping."""
    if study.spec.objective is None:
        return
    yield curve_table(study)
    made = (histogram(study), best_of_table(study), infeasible_table(study), stopping_table(study))
    yield from (t for t in made if t is not None)


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
    return sort_verdicts(one_story(study, found)), tuple(notes)
