"""One made-up study put to the verbs: which verdicts come back, and whether the truth is among them.

Owns the meaning of "named" and of "false alarm". The answers are those of the analyses `advise` and `effects`.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass

from benchmarks.judgement.healthy import HEALTHY
from benchmarks.judgement.making import Recipe, made
from benchmarks.judgement.planted import PLANTED, Planted
from tuned.analyses.kinds import analysis
from tuned.analyses.question import Question
from tuned.analyses.study_data import StudyData

Said = tuple[str, str, str]
"""(level, code, about)."""
DECIDED = "isolation.decided"
"""Stands for the sentence of an isolation view that calls two values different."""
LEVELS = ("info", "warn", "fail")


@dataclass(frozen=True)
class Outcome:
    """Verdicts on one study; `right`: a planted fault was named, a healthy study raised no alarm."""

    family: str
    kind: str
    seed: int
    right: bool
    said: tuple[Said, ...]
    contradicts: bool = False


def outcome(family: str, kind: str, seed: int) -> Outcome:
    """Make one study of a kind, ask, and compare with the truth."""
    recipe = PLANTED[kind].recipe if family == "planted" else HEALTHY[kind]
    # A seed of its own for each kind: the kinds' chances are independent.
    own = 1000 * seed + sorted([*HEALTHY, *PLANTED]).index(kind)
    said = _said(recipe, own)
    if family == "healthy":
        return Outcome(family, kind, seed, not alarms(said), said)
    plan = PLANTED[kind]
    return Outcome(family, kind, seed, named(plan, said), said, any(code in plan.never for _, code, _ in said))


def named(plan: Planted, said: tuple[Said, ...]) -> bool:
    """Whether one of the verdicts that name a fault is there, at its level or above."""
    least = LEVELS.index(plan.least)
    return any(
        (code, about) in plan.named or (code, "*") in plan.named
        for level, code, about in said
        if LEVELS.index(level) >= least
    )


def alarms(said: tuple[Said, ...]) -> tuple[Said, ...]:
    """Verdicts that ask a person to act."""
    return tuple(one for one in said if one[0] != "info")


def _said(recipe: Recipe, seed: int) -> tuple[Said, ...]:
    if recipe.files is None:
        return _asked(made(recipe, seed))
    with tempfile.TemporaryDirectory(prefix="judgement-") as folder:
        return _asked(made(recipe, seed, folder))


def _asked(study: StudyData) -> tuple[Said, ...]:
    answer = analysis("advise")(Question(study))
    said = [(v.level, v.code, v.about) for v in answer.verdicts]
    if any("failed" in note and "logs" in note for note in answer.notes):
        said.append(("fail", "rule.failed", ""))
    if any(p.role == "scientific" for p in study.space.tunable):
        said += [
            ("info", DECIDED, table.name.removeprefix("isolation."))
            for table in analysis("effects")(Question(study)).tables
            if table.name.startswith("isolation.") and any("more than the luck" in note for note in table.notes)
        ]
    return tuple(said)
