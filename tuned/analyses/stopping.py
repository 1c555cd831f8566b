"""How often early stopping was wrong, by the trials that it let run on. Owns the verdict `stopping.wrong`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.stats import beta, binom, spearmanr

from tuned.analyses.study_data import StudyData, TrialData
from tuned.analyses.table import Column, Table
from tuned.analyses.verdict import Verdict
from tuned.core.search.rescue import told, wrongly_stopped
from tuned.core.study import EarlyStopping

TOLERATED = 0.1
"""Share of wrong decisions that the time saved is worth; ours."""
LEVEL = 0.9
AGREE, ENOUGH = 0.7, 8
"""Rank correlation of first rung and end from which on early values say what the end will be; trials it needs."""
LEAST, ALARM = 2, 0.05
"""Trials without which nothing is said, and the chance of an alarm about a rule that is as wrong as is tolerated."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The rescue sample: trials that were to be stopped and ran to their end, or diverged on the way.

    Attributes:
        wrong: Those of them that ended better than the median of the trials which the rule let through.
        low, high: The interval that holds the true share with 90 % (Clopper and Pearson).
    """

    rescued: tuple[TrialData, ...]
    wrong: tuple[TrialData, ...]
    low: float
    high: float

    @property
    def chance(self) -> float:
        """Chance of so many wrong ones, or more, of a rule that is wrong in `TOLERATED` of its decisions; mid-p.

        Half of the chance of just as many counts (Lancaster 1961): with a handful of trials the whole would spend 1 to
        2 % of the 5 % that are allowed.
        """
        n, k = len(self.rescued), len(self.wrong)
        return float(binom.sf(k, n, TOLERATED) + binom.pmf(k, n, TOLERATED) / 2)

    @property
    def share(self) -> float:
        """The measured share of wrong decisions."""
        return len(self.wrong) / len(self.rescued)


def measured(study: StudyData) -> Measured | None:
    """The measurement by the rescue sample; None without one that has ended, or without trials to compare it with."""
    rescued = tuple(t for t in study.searched if t.rescued and told(t))
    others = [t for t in study.full if not t.rescued]
    if study.spec.early_stopping is None or not rescued or not others:
        return None
    scores, peers = (list(study.sign * study.outcome(group)) for group in (rescued, others))
    wrong = tuple(rescued[place] for place in wrongly_stopped(scores, peers))
    n, k = len(rescued), len(wrong)
    tail = (1 - LEVEL) / 2
    low = float(beta.ppf(tail, k, n - k + 1)) if k else 0.0
    high = float(beta.ppf(1 - tail, k + 1, n - k)) if k < n else 1.0
    return Measured(rescued, wrong, low, high)


def stopping_rule(study: StudyData) -> Iterable[Verdict]:
    """Early stopping that stops the good trials: warn when surely more than a tenth of its decisions are wrong.

    A decision is wrong when a trial that was let run on to measure the rule ends better than the median of those which
    the rule let through. One trial is no alarm, whatever it says; a rule that is wrong in a tenth of its decisions
    alarms in at most one of twenty studies. Info where the values at the first rung rank trials as their ends do: then
    the first ones got through for want of others.
    """
    found = measured(study)
    if found is None or len(found.rescued) < LEAST or found.chance >= ALARM:
        return
    rule = study.spec.early_stopping
    assert rule is not None
    alike = agreement(study, rule)
    told = alike >= AGREE
    if told:
        meaning = (
            f"Early values do tell the end (rank correlation {alike:.2f}): the first trials pass for want of others."
        )
        remedy = (
            "Where the best one matters, let more pass in the next study: a smaller early_stopping.reduction_factor."
        )
    else:
        meaning = "Early values say little of the end here."
        remedy = (
            "End it here, and run stopped trials again to their end (tunectl retry); in the next study judge "
            f"later, with a first rung (early_stopping.min_step, now {rule.min_step:g}) where curves have crossed."
        )
    yield Verdict(
        "info" if told else "warn", "stopping.wrong",
        f"Early stopping stops good trials: {len(found.wrong)} of {len(found.rescued)} that it would have stopped, and "
        f"that ran on, end better than the middle of those which it let through (90 % interval of the share: "
        f"{found.low:.0%} to {found.high:.0%}). {meaning}",
        {"wrong": len(found.wrong), "rescued": len(found.rescued), "share": found.share, "low": found.low,
         "high": found.high, "tolerated": TOLERATED} | ({} if math.isnan(alike) else {"correlation": alike}),
        remedy, "" if told else f"tunectl set {study.name} early_stopping.method=none", study.objective.metric,
        tuple(t.number for t in found.wrong),
    )  # fmt: skip


def agreement(study: StudyData, rule: EarlyStopping) -> float:
    """Rank correlation of the objective at the first rung with that at the end; NaN where too few trials tell."""
    pairs = []
    for trial, end in zip(study.full, study.outcome(study.full), strict=True):
        curve = trial.curve(study.objective.metric).finite
        reached = curve.values[curve.steps >= rule.min_step]
        if len(reached) > 1:
            pairs.append((float(reached[0]), float(end)))
    if len(pairs) < ENOUGH:
        return math.nan
    early, ends = (np.array(side) for side in zip(*pairs, strict=True))
    return float(spearmanr(early, ends).statistic) if np.ptp(early) > 0 and np.ptp(ends) > 0 else math.nan


def stopping_table(study: StudyData) -> Table | None:
    """The rescue sample as a table; None without early stopping."""
    if study.spec.early_stopping is None or study.spec.objective is None:
        return None
    pruned = sum(t.state == "pruned" for t in study.searched)
    found = measured(study)
    row = (study.spec.early_stopping.told, pruned, len(found.rescued) if found else 0,
           len(found.wrong) if found else None, (found.low, found.high) if found else None)  # fmt: skip
    columns = (
        Column("method"), Column("stopped", "count"), Column("rescued", "count", "let run on to measure it"),
        Column("wrong", "count", "of these wrongly stopped"), Column("interval", "shares", "90 % of the share"),
    )  # fmt: skip
    note = "Wrong: it ended better than the median of the trials which the rule let through."
    return Table("stopping", "How often early stopping was wrong", columns, (row,), (note,))
