"""Trials that ended where they began. Owns the verdict `space.idle`: which part of a space learns next to nothing."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tuned.analyses.curves.diagnosis import diagnose
from tuned.analyses.space.infeasible import LEAST_TRIALS, MANY, boundary
from tuned.analyses.study_data import StudyData, TrialData
from tuned.analyses.verdict import Verdict

LEARNED = 0.1
"""Share of the way from where training begins to the best result, below which a trial has learned next to nothing."""


def idle(study: StudyData) -> tuple[tuple[TrialData, ...], tuple[TrialData, ...]]:
    """Trials that ran to their end, and those of them that learned next to nothing; the others may say nothing here.

    Training begins where the worst quarter of the trials had their first reports: a good trial may have learned before
    its first one.
    """
    seen = [d for d in (diagnose(study, t) for t in study.full) if not d.has("short") and not d.has("diverged")]
    if len(seen) < LEAST_TRIALS:
        return (), ()
    sign = study.sign
    begin = float(np.median([sign * d.first for d in seen[-max(3, len(seen) // 4) :]]))
    way = begin - sign * seen[0].best
    found = [d for d in seen if way > 0 and begin - sign * d.best < LEARNED * way]
    return tuple(d.trial for d in seen), tuple(d.trial for d in found)


def idle_rule(study: StudyData) -> Iterable[Verdict]:
    """[15] Trials that learn next to nothing are as lost as those that fail: info from 20 % on, and where they are.

    A trial counts whose best is within a tenth of the way from where training begins to the best result. The cut of one
    parameter that separates them best is named where it is better than chance (Fisher's exact test, times the number of
    cuts); without one no bound is said.
    """
    ended, still = idle(study)
    if len(still) < 3 or len(still) < MANY * len(ended):
        return
    spent, whole = (sum(t.seconds or 0.0 for t in trials) for trials in (still, ended))
    evidence: dict[str, float | int | str] = {"idle": len(still), "ended": len(ended)}
    cost = ""
    if whole > 0:
        evidence["share_of_time"] = spent / whole
        cost = f" They took {spent / whole:.0%} of the time."
    what = f"{len(still)} of {len(ended)} trials learn next to nothing: they end where they began"
    numbers = tuple(t.number for t in still)
    cut = boundary(study, ended, still)
    if cut is None:
        remedy = f"Look at one of them: its learning rate, depth and activation.{cost}"
        yield Verdict("info", "space.idle", f"{what}.", evidence, remedy, "", "", numbers)
        return
    name = cut.parameter.name
    evidence |= {"p_value": cut.p_value, "boundary": cut.value}
    if isinstance(cut.value, str):
        where, command = f"with {name} = {cut.value}", ""
        remedy = f"See that {cut.value} has a fair range (its learning rate first), or leave it out.{cost}"
    else:
        where = f"with {name} {'above' if cut.above else 'below'} {cut.value:.3g}"
        remedy = f"Bound {name} there, or give that part what it needs to learn.{cost}"
        command = f"tunectl space {study.name} --set {name}.{'high' if cut.above else 'low'}={cut.value:.3g}"
    yield Verdict(
        "info", "space.idle",
        f"{what}, {cut.inside[0]} of {cut.inside[1]} {where}, {cut.outside[0]} of {cut.outside[1]} elsewhere.",
        evidence, remedy, command, name, numbers,
    )  # fmt: skip
