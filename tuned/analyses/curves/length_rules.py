"""Whether training is as long as it should be, read off the best checkpoints.

Owns the verdicts `length.*` and the histogram behind them. The number of steps is never tuned; it is read off where
the best checkpoints lie (playbook, prescriptions 19, 25).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from tuned.analyses.curves.diagnosis import Diagnosis, diagnose
from tuned.analyses.study_data import StudyData
from tuned.analyses.table import Column, Table
from tuned.analyses.verdict import Verdict
from tuned.core.names import is_step_count

LEAST_REPORTS = 8
LEAST_TRIALS = 4
EARLY, LATE = 0.10, 0.75
"""The playbook's: best always in the first tenth: too long; always in the last quarter: maybe too short."""
ALWAYS = 0.75
"""Share of the better half that counts as "always": one odd trial in four is forgiven."""
BINS = 10
UNEQUAL, UNEVEN = 2.0, 3.0


def lengths(study: StudyData) -> list[Diagnosis]:
    """The better half of the trials that ran to their end, with enough reports to say where their best is."""
    ranked = study.full
    better = ranked[: max(LEAST_TRIALS, len(ranked) // 2)]
    seen = [diagnose(study, t) for t in better if len(t.curve(study.objective.metric).finite) >= LEAST_REPORTS]
    return [d for d in seen if not (d.has("short") or d.has("diverged"))]


def length_rules(study: StudyData) -> Iterable[Verdict]:
    """Too long, maybe too short, or right.

    `length.too-long` (warn): at least 75 % of the better half are within the tolerance of their best (1 % of the whole
    improvement, or twice the noise) in the first 10 % of their steps. `length.too-short` (warn): at least 75 % have
    their best in the last 25 %, and at least half of them still gain more than 5 % of the whole improvement (and three
    standard errors) in the last quarter. A best that is late without such a gain is `length.ok` (info): a decayed
    learning rate makes the last step the best one.
    """
    seen = lengths(study)
    if len(seen) < LEAST_TRIALS:
        return
    early = float(np.mean([_settled(study, d) <= EARLY for d in seen]))
    late = float(np.mean([d.best_share >= LATE for d in seen]))
    improving = float(np.mean([d.has("improving") for d in seen]))
    steps = float(np.median([d.trial.last_step or np.nan for d in seen]))
    settled = float(np.median([d.converged_step for d in seen]))
    gain = float(np.median([d.late_gain for d in seen]))
    evidence = {
        "settled_in_first_tenth": early, "best_in_last_quarter": late, "still_improving": improving,
        "median_step_settled": settled, "median_last_step": steps, "median_late_gain": gain, "trials": len(seen),
    }  # fmt: skip
    numbers = tuple(d.trial.number for d in seen)
    if early >= ALWAYS:
        wanted = max(1, round(3 * settled))
        yield Verdict(
            "warn", "length.too-long",
            f"Training is too long: {early:.0%} of the better half are as good as they get within the first tenth of "
            f"their steps (step {settled:g} of {steps:g}, in the middle).",
            evidence, f"Train for about {wanted} steps (three times as long as it takes to settle), and spend the rest "
            "on more trials.", "", study.objective.metric, numbers,
        )  # fmt: skip
    elif late >= ALWAYS and improving >= 0.5:
        yield Verdict(
            "warn", "length.too-short",
            f"Training is cut short: {late:.0%} of the better half are best in their last quarter and "
            f"{improving:.0%} still improve (the last quarter brought {gain:.0%} of all improvement).",
            evidence, f"Double the training length (to {2 * steps:g} steps); if that cannot be paid, keep to this "
            "length and tune what carries over, then retrain the best for longer.", "", study.objective.metric, numbers,
        )  # fmt: skip
    else:
        yield Verdict(
            "info", "length.ok",
            f"The training length fits: the better half settle at step {settled:g} of {steps:g}, and the last quarter "
            f"brings {max(gain, 0):.1%} of all improvement.",
            evidence, "", "", study.objective.metric, numbers,
        )  # fmt: skip


def evenness(study: StudyData) -> Iterable[Verdict]:
    """Whether trials are compared at equal lengths, and reports come at equal distances.

    `length.unequal` [6] (info): trials that ran to their own end stop at steps that differ by more than a factor of 2,
    without a parameter that says so; their own patience may be the reason, which makes it no alarm.
    `length.uneven-reports` [28] (info): in half of the better half the distance between reports varies by more than a
    factor of 3 (the last one left out, and thinned curves not judged), as it does when reporting follows the clock.
    """
    ends = np.array([t.last_step for t in study.full if t.last_step], dtype=float)
    named = any(is_step_count(p.name) for p in study.space.tunable)
    if len(ends) >= LEAST_TRIALS and not named and ends.max() > UNEQUAL * ends.min():
        yield Verdict(
            "info", "length.unequal",
            f"Trials that ran to their end stop between step {ends.min():g} and {ends.max():g}: they are compared at "
            "unequal lengths.",
            {"shortest": float(ends.min()), "longest": float(ends.max()), "trials": len(ends)},
            "Give all trials the same number of steps and keep the best checkpoint of each.",
        )  # fmt: skip
    better = study.full[: max(LEAST_TRIALS, len(study.full) // 2)]
    curves = [t.curve(study.objective.metric) for t in better]
    gaps = [np.diff(c.steps)[:-1] for c in curves if LEAST_REPORTS <= len(c) == c.reports]
    if len(gaps) < LEAST_TRIALS:
        return
    uneven = sum(bool(np.min(g) > 0 and np.max(g) > UNEVEN * np.min(g)) for g in gaps)
    if 2 * uneven >= len(gaps):
        yield Verdict(
            "info", "length.uneven-reports",
            f"{study.objective.metric} is reported at uneven distances in {uneven} of {len(gaps)} trials: the best of "
            "few evaluations is compared with the best of many.",
            {"uneven": uneven, "trials": len(gaps)},
            "Evaluate every so many steps, not every so many seconds.", "", study.objective.metric,
        )  # fmt: skip


def _settled(study: StudyData, d: Diagnosis) -> float:
    """Where it was first within the tolerance of its best, as a share of its steps."""
    steps = d.trial.curve(study.objective.metric).finite.steps
    before = float(steps[1] - steps[0])
    return float((d.converged_step - max(0.0, steps[0] - before)) / (steps[-1] - max(0.0, steps[0] - before)))


def histogram(study: StudyData) -> Table | None:
    """How many of the better half have their best in each tenth of their steps; None without curves."""
    seen: Sequence[Diagnosis] = lengths(study)
    if not seen:
        return None
    best, _ = np.histogram([d.best_share for d in seen], bins=BINS, range=(0.0, 1.0))
    settled, _ = np.histogram([_settled(study, d) for d in seen], bins=BINS, range=(0.0, 1.0))
    rows = tuple(
        (f"{100 * i // BINS} .. {100 * (i + 1) // BINS} %", int(best[i]), int(settled[i])) for i in range(BINS)
    )
    columns = (Column("steps", "text", "share of steps"), Column("best", "count"), Column("settled", "count"))
    return Table("length", f"Where the better half ({len(seen)} trials) are best, and settle", columns, rows)
