"""Verdicts on a study by the curves of its best trials.

Owns the verdicts `curve.*`. They look at the best trials first (playbook: check the training curves of the best few),
because that is what conclusions are drawn from; how many others show the same is evidence. The numbers in brackets are
prescriptions as `docs/playbook-verdicts.md` lists them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from scipy.stats import spearmanr

from tuned.analyses.curves.diagnosis import Diagnosis, diagnose
from tuned.analyses.curves.learning import not_learning
from tuned.analyses.naming import is_learning_rate, is_regulariser
from tuned.analyses.study_data import StudyData, TrialData
from tuned.analyses.verdict import Verdict

LEAST_TRIALS = 5
"""With fewer there is no "best few" to look at."""
MOST_TOP = 5
HALF = 0.5
CLEAR = 0.1
ORDER = 0.5
"""Rank correlation below which the order of results is called luck."""


def best_few(study: StudyData) -> list[Diagnosis]:
    """The best trials that ran to their end and whose curves have a shape: a fifth of them, three to five."""
    ranked = study.full
    if len(ranked) < LEAST_TRIALS:
        return []
    top = ranked[: max(3, min(MOST_TOP, len(ranked) // 5))]
    return [d for d in (diagnose(study, t) for t in top) if not d.has("short")]


def curve_rules(study: StudyData) -> Iterable[Verdict]:
    """All of them, as far as there are curves."""
    top = best_few(study)
    if not top:
        return
    still = list(not_learning(study, top))
    yield from still
    if still:
        return
    yield from _overfitting(study, top)
    yield from _rising(study, top)
    yield from _late_variance(study, top)
    yield from _periodic(study, top)


def _share(study: StudyData, label: str) -> tuple[int, int]:
    """How many of all trials with curves have a label."""
    seen = [d for d in (diagnose(study, t) for t in study.full) if not d.has("short")]
    return sum(d.has(label) for d in seen), len(seen)


def _overfitting(study: StudyData, top: Sequence[Diagnosis]) -> Iterable[Verdict]:
    """[17] Problematic overfitting in the best trials spoils the comparison: warn.

    A trial overfits when the median of its last reports is worse than its smoothed best by more than three standard
    errors and by 2 % of its whole improvement. Warn when the best trial does together with another of the best few, or
    by more than 10 % of its whole improvement, or when half of the best few do: the best of many trials owes a part of
    its best report to luck, so that alone it proves little.
    """
    hit = [d for d in top if d.has("overfitting")]
    winner = top[0]
    clear = winner.has("overfitting") and (len(hit) > 1 or winner.rise > CLEAR * abs(winner.first - winner.best))
    if not (clear or len(hit) >= max(2, HALF * len(top))):
        return
    number, seen = _share(study, "overfitting")
    case = hit[0]
    lowest = _unusual_rate(study, top[0])
    yield Verdict(
        "warn", "curve.overfitting",
        f"The best trials overfit: trial {case.trial.number} is best at step {case.best_step:g} "
        f"({case.best_share:.0%} of its training) and {case.rise:.3g} worse at its end, {number} of {seen} trials do."
        + (f" The winner's {lowest} is unusually low, which may be what hides it." if lowest else ""),
        {"rise": case.rise, "noise": case.noise, "best_step": case.best_step, "best_share": case.best_share,
         "gap": case.gap, "overfitting_trials": number, "trials": seen},
        _more_regularisation(study), "", study.objective.metric, _numbers(hit),
    )  # fmt: skip


def _unusual_rate(study: StudyData, winner: Diagnosis) -> str:
    """The name of a learning rate of which the winner has one of the lowest tenth."""
    for parameter in study.space.tunable:
        if is_learning_rate(parameter.name) and parameter.name in winner.trial.params:
            tried = [float(t.params[parameter.name]) for t in study.full if parameter.name in t.params]
            if float(winner.trial.params[parameter.name]) <= float(np.quantile(tried, 0.1)):
                return parameter.name
    return ""


def _more_regularisation(study: StudyData) -> str:
    known = [p.name for p in study.space.tunable if is_regulariser(p.name)]
    if known:
        return f"Widen {', '.join(known)} towards more, or add another regulariser; then run the best points again."
    return (
        "Give the training code a regulariser (weight decay, dropout, augmentation) as an option, add it to the space "
        "as a nuisance parameter, and run the best points again."
    )


def _rising(study: StudyData, top: Sequence[Diagnosis]) -> Iterable[Verdict]:
    """[20] A rising training loss in a best trial often means a bug, or a learning rate at the edge: warn.

    The training twin's last reports are worse than its smoothed best by three standard errors and 5 % of its whole
    improvement, in the best trial or half of the best few.
    """
    hit = [d for d in top if d.has("rising-train")]
    if not (top[0].has("rising-train") or len(hit) >= max(2, HALF * len(top))):
        return
    number, seen = _share(study, "rising-train")
    yield Verdict(
        "warn", "curve.rising-training-loss",
        f"The training metric of trial {hit[0].trial.number}, one of the best, gets worse again late in training "
        f"({number} of {seen} trials do).",
        {"rising_trials": number, "trials": seen, "train_first": hit[0].train_first, "train_last": hit[0].train_last},
        "Look for a bug in the update or the data order; else decay the learning rate, or clip gradients.",
        f"tunectl metrics {study.name}/{hit[0].trial.number}", study.objective.train or "", _numbers(hit),
    )  # fmt: skip


def _late_variance(study: StudyData, top: Sequence[Diagnosis]) -> Iterable[Verdict]:
    """[18] Large variance from step to step late in training makes the order of the best trials luck.

    Info when the noise of the best few (median of their standard deviations from report to report) exceeds the gap
    between the best and the runner-up; warn when, beyond that, the order of the better half has little to do with where
    they stand: the rank correlation of their results with the medians of their last quarters is below a half.
    """
    noise = float(np.median([d.noise for d in top]))
    better = study.full[: max(LEAST_TRIALS, len(study.full) // 2)]
    outcomes = study.sign * study.outcome(better)
    gap, reach = float(outcomes[1] - outcomes[0]), float(np.median(outcomes) - outcomes[0])
    if noise <= gap or noise == 0:
        return
    order = _order_holds(study, better)
    evidence = {"noise": noise, "gap_to_second": gap, "best_to_median_of_better_half": reach, "rank_correlation": order}
    remedy = "Decay the learning rate, average weights, use a larger batch or more validation data, then confirm."
    command = f"tunectl confirm {study.name}"
    if order < ORDER and noise > reach / 2:
        yield Verdict(
            "warn", "curve.late-variance",
            f"{study.objective.metric} moves by {noise:.3g} from report to report late in training, and where the "
            f"{len(better)} best trials stand by then hardly goes with their results (rank correlation {order:.2f}): "
            "their order is luck.",
            evidence, remedy, command, study.objective.metric, _numbers(top),
        )  # fmt: skip
        return
    if study.repeated:
        return
    yield Verdict(
        "info", "curve.late-variance",
        f"The best trial leads by {gap:.3g}; the metric moves by {noise:.3g} from report to report: the first places "
        "are close to a draw.",
        evidence, "Run the best few again with other seeds before choosing between them.", command,
        study.objective.metric, _numbers(top),
    )  # fmt: skip


def _order_holds(study: StudyData, trials: Sequence[TrialData]) -> float:
    """Rank correlation of results with the medians of the last quarters of the curves; 1.0 where it is not known."""
    curves = [t.curve(study.objective.metric).finite.values for t in trials]
    if len(trials) < LEAST_TRIALS or any(len(c) < LEAST_TRIALS for c in curves):
        return 1.0
    late = [float(np.median(c[-max(2, len(c) // 4) :])) for c in curves]
    results = study.outcome(trials)
    if not np.ptp(late) or not np.ptp(results):
        return 1.0
    return float(spearmanr(late, results).statistic)


def _periodic(study: StudyData, top: Sequence[Diagnosis]) -> Iterable[Verdict]:
    """[20] A periodic validation metric often means a bug (data order, a schedule that restarts): warn.

    Half of the best few swing with the period that their autocorrelation shows (0.6 or more, at least 40 reports).
    """
    hit = [d for d in top if d.has("periodic")]
    if len(hit) < max(2, HALF * len(top)):
        return
    yield Verdict(
        "warn", "curve.periodic",
        f"{study.objective.metric} of the best trials swings with a period of about {hit[0].period} reports.",
        {"period_reports": hit[0].period, "trials": len(hit)},
        "Look at the order of the data and at schedules that restart; evaluate at fixed steps on the same examples.",
        f"tunectl metrics {study.name}/{hit[0].trial.number}", study.objective.metric, _numbers(hit),
    )  # fmt: skip


def _numbers(seen: Sequence[Diagnosis]) -> tuple[int, ...]:
    return tuple(d.trial.number for d in seen)
