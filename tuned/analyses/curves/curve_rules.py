"""What the curves of the best trials mean for a study.

Owns the verdicts `curve.*`. They look at the best trials first (playbook: check the training curves of the best few),
because that is what conclusions are drawn from; how many others show the same is evidence. The numbers in brackets are
prescriptions as `docs/playbook-verdicts.md` lists them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from tuned.analyses.curves.diagnosis import Diagnosis, diagnose
from tuned.analyses.naming import is_learning_rate, is_regulariser, perfect
from tuned.analyses.study_data import StudyData
from tuned.analyses.verdict import Verdict

LEAST_TRIALS = 5
"""With fewer there is no "best few" to look at."""
MOST_TOP = 5
HALF = 0.5
CLEAR = 0.1
LEARNED_LITTLE = 0.25
"""Of the way from the first training report to a perfect value: below it, the best net has hardly begun to fit."""
LEARNED_NOTHING = 0.03


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
    learning = list(_not_learning(study, top))
    yield from learning
    if learning and learning[0].level == "fail":
        return
    yield from _overfitting(study, top)
    yield from _rising(study, top)
    yield from _late_variance(study, top)
    yield from _periodic(study, top)


def _share(study: StudyData, label: str) -> tuple[int, int]:
    """How many of all trials with curves have a label."""
    seen = [d for d in (diagnose(study, t) for t in study.full) if not d.has("short")]
    return sum(d.has(label) for d in seen), len(seen)


def _not_learning(study: StudyData, top: Sequence[Diagnosis]) -> Iterable[Verdict]:
    """[1] A baseline must beat chance before anything is tuned; [16] underfitting is seen in the training curve.

    Measured on the training twin (else on the objective) of the best trials: the way from the first report to a perfect
    value (0 of a loss, 1 of an accuracy) that it has come by its end. Below 3 %: nothing was learned (fail); below 25 %
    without a gap to validation: it underfits (warn). Silent where the name tells no perfect value.
    """
    objective = study.objective
    goal = perfect(objective.metric, objective.direction)
    if goal is None:
        return
    ways = []
    for d in top:
        first, last = (d.train_first, d.train_last) if np.isfinite(d.train_last) else (d.first, d.last)
        ways.append((first - last) / (first - goal) if first != goal else 1.0)
    way = float(np.median(ways))
    evidence = {"way_to_perfect": way, "best": top[0].best, "first": top[0].first, "trials": len(top)}
    if way < LEARNED_NOTHING:
        yield Verdict(
            "fail", "curve.not-learning",
            f"Nothing is learned: even the best trials come only {max(way, 0):.1%} of the way from their first report "
            f"to a perfect {objective.train or objective.metric}.",
            evidence,
            "Get one baseline to beat chance before tuning on: check labels and loss, then initialisation, depth and "
            "activation (deep nets of sigmoids pass no gradient), then the learning rate.",
            f"tunectl metrics {study.name}/{top[0].trial.number}", objective.metric, _numbers(top),
        )  # fmt: skip
    elif way < LEARNED_LITTLE and _small_gap(top):
        yield Verdict(
            "warn", "curve.underfitting",
            f"The best trials underfit: they end {way:.0%} of the way from their first report to a perfect "
            f"{objective.train or objective.metric}, with validation close to training.",
            evidence,
            "Fit the training set first: a higher learning rate or more steps, then a larger net, less regularisation.",
            "", objective.metric, _numbers(top),
        )  # fmt: skip


def _small_gap(top: Sequence[Diagnosis]) -> bool:
    gaps = [abs(d.gap) / max(abs(d.first - d.last), 1e-12) for d in top if np.isfinite(d.gap)]
    return not gaps or float(np.median(gaps)) < 1.0


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
        _more_regularisation(study), _regularise_command(study), study.objective.metric, _numbers(hit),
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
        "Add a regulariser (weight decay, dropout, augmentation) as a nuisance parameter and run the best points again."
    )


def _regularise_command(study: StudyData) -> str:
    if any(is_regulariser(p.name) for p in study.space.parameters):
        return ""
    return f"tunectl space {study.name} --add 'dropout={{type=\"float\",low=0.0,high=0.5,was=0.0}}'"


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
    between the best and the runner-up; warn when it exceeds the distance from the best to the middle of the better
    half.
    """
    noise = float(np.median([d.noise for d in top]))
    outcomes = study.sign * study.outcome(study.full)
    half = outcomes[: max(3, len(outcomes) // 2)]
    gap, reach = float(half[1] - half[0]), float(np.median(half) - half[0])
    if noise <= gap or noise == 0:
        return
    evidence = {"noise": noise, "gap_to_second": gap, "best_to_median_of_better_half": reach}
    remedy = "Decay the learning rate, average weights, use a larger batch or more validation data, then confirm."
    command = f"tunectl confirm {study.name}"
    if noise > reach:
        yield Verdict(
            "warn", "curve.late-variance",
            f"{study.objective.metric} moves by {noise:.3g} from report to report late in training, more than the "
            f"{reach:.3g} that part the best trial from the middle of the better half: their order is luck.",
            evidence, remedy, command, study.objective.metric, _numbers(top),
        )  # fmt: skip
        return
    yield Verdict(
        "info", "curve.late-variance",
        f"The best trial leads by {gap:.3g}; the metric moves by {noise:.3g} from report to report: the first places "
        "are close to a draw.",
        evidence, "Run the best few again with other seeds before choosing between them.", command,
        study.objective.metric, _numbers(top),
    )  # fmt: skip


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
