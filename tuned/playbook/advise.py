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
from tuned.playbook.question import Question
from tuned.playbook.study_data import StudyData
from tuned.playbook.verdict import LEVELS, Verdict, sort_verdicts

log = logging.getLogger(__name__)

Rule = Callable[[StudyData], Iterable[Verdict]]

RULES: tuple[tuple[str, str], ...] = ()
"""(module, function), in the order in which verdicts of a level are shown."""


def advise(question: Question) -> Answer:
    """All verdicts. Option `level`: only those at least as pressing."""
    question.allow("level")
    least = question.options.get("level", "info")
    if least not in LEVELS:
        raise InvalidInput(f"{least!r} is no level", where="level", hint="levels are " + ", ".join(LEVELS))
    verdicts, notes = judge(question.study)
    kept = tuple(v for v in verdicts if LEVELS.index(v.level) <= LEVELS.index(least))
    worst = verdicts[0].level if verdicts else "info"
    if worst == "info":
        notes = ("Nothing to warn of.", *notes)
    return Answer(verdicts=kept, notes=notes, figures={"worst": worst, "trials": len(question.study.trials)})


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
