"""Whether the best trials of a study learn anything. Owns the verdict `curve.not-learning`.

No value of a metric is taken to be perfect or bad by its name alone: improvements are measured in units of the noise
from report to report, and levels against those that a constant predictor is known to have.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np

from tuned.analyses.curves.diagnosis import Diagnosis, diagnose
from tuned.analyses.curves.noise import MAD, spread
from tuned.analyses.naming import is_share
from tuned.analyses.study_data import Curve, Floats, StudyData
from tuned.analyses.verdict import Verdict

CLEAR = 4.0
"""Deviations of the noise from the first report to the best eighth of a curve, beyond which something was learned."""
APART = 3.0
"""The spread of trials' levels in units of their noise, beyond which settings matter."""
CLASSES = (*range(2, 21), 50, 100, 200, 1000)
"""A cross-entropy of the logarithm of one of these is that of a guess among equal classes."""
NEAR, CLOSE = 0.002, 0.01
"""Of a level: closer than the first is equal, and than the second where that is within the noise."""
LITTLE = 0.05
"""Of a level: a net that has come further has left the guess behind."""

_CROSS_ENTROPY = re.compile(r"loss|nll|entropy|(^|[._])ce([._]|$)", re.I)
_AUC = re.compile(r"auc|auroc", re.I)
_R2 = re.compile(r"(^|[._])r_?2([._]|$)", re.I)


def not_learning(study: StudyData, top: Sequence[Diagnosis]) -> Iterable[Verdict]:
    """[1] A baseline must beat a constant predictor before anything is tuned.

    Nothing is learned when all trials end at one level and the best few do not improve beyond noise after their first
    report. Fail where that level is known to be a constant predictor's (the logarithm of a number of classes, an
    accuracy of at most a half, an AUC of a half, an R2 of 0), and warn where they come down to a guess among equal
    classes. Otherwise warn: the scale of the metric is unknown, and all may be learned before the first report. Silent
    where training goes on improving beside a validation metric that stands still at an unknown level.
    """
    top = [d for d in top if len(d.trial.curve(study.objective.metric).finite)]
    if not top:
        return
    curves = [d.trial.curve(study.objective.metric).finite.values for d in top]
    noise = float(np.median([_noise(values) for values in curves]))
    gain = float(np.median([_gain(study, d.trial.curve(study.objective.metric).finite) for d in top]))
    trained = [_gain(study, c) for d in top if len(c := d.trial.curve(study.objective.train).finite) >= 5]
    level = float(np.median([np.median(values[len(values) // 2 :]) for values in curves]))
    best = float(study.sign * np.median([min(_eighths(study.sign * values)) for values in curves]))
    constant = _constant(study, level, noise) or _constant(study, best, noise)
    if not _alike(study, noise):
        return
    still = gain <= CLEAR
    guess = bool(constant) and abs(top[0].first - level) <= LITTLE * abs(level)
    training = bool(trained) and float(np.median(trained)) > CLEAR
    if not still and not (guess and _CROSS_ENTROPY.search(study.objective.metric)):
        return
    if still and training and not constant:
        return
    metric = study.objective.metric
    evidence: dict[str, float | int | str] = {
        "gain_in_noise": gain, "noise": noise, "level": level, "first": top[0].first, "trials": len(top),
        "constant_predictor": constant or "unknown",
    }  # fmt: skip
    command = f"tunectl metrics {study.name}/{top[0].trial.number}"
    numbers = tuple(d.trial.number for d in top)
    if constant:
        yield Verdict(
            "fail" if still else "warn", "curve.not-learning",
            f"Nothing is learned{', though training improves' if training and still else ''}: the best trials stay at "
            f"{metric} {level:.4g}, {constant}.",
            evidence,
            "Get one baseline to beat a constant predictor before tuning on: check labels and loss, then "
            "initialisation, depth and activation (deep nets of sigmoids pass no gradient), then the learning rate.",
            command, metric, numbers,
        )  # fmt: skip
        return
    yield Verdict(
        "warn", "curve.not-learning",
        f"No trial improves after its first report beyond noise, and all end alike, at {metric} {level:.4g}: nothing "
        "is learned, or all of it before that report. The scale of the metric is unknown.",
        evidence,
        "Compare that level with a constant predictor's. If it is better, report more often at the beginning and train "
        "for fewer steps; if not, check labels, loss and initialisation before tuning on.",
        command, metric, numbers,
    )  # fmt: skip


def _eighths(x: Floats) -> list[float]:
    return [float(np.median(part)) for part in np.array_split(x, min(8, len(x)))]


def _level(study: StudyData, curve: Curve) -> float:
    """The best eighth of a curve, less is better."""
    return min(_eighths(study.sign * curve.values))


def _noise(x: Floats) -> float:
    """Deviation from report to report over the whole curve."""
    if len(x) < 4:
        return 0.0
    steps = np.abs(np.diff(x))
    least = float(np.median(steps[steps > 0])) / 2 if np.any(steps > 0) else 0.0
    return max(float(MAD * np.median(np.abs(np.diff(x, 2))) / np.sqrt(6.0)), least if np.any(steps == 0) else 0.0)


def _gain(study: StudyData, curve: Curve) -> float:
    """From the first report to the best eighth, in deviations of the noise."""
    x = study.sign * curve.values
    noise, way = _noise(x), float(x[0]) - min(_eighths(x))
    return way / noise if noise > 0 else float("inf") if way > 0 else 0.0


def _alike(study: StudyData, noise: float) -> bool:
    """Whether all trials that ran to their end stand at one level."""
    seen = [d for d in (diagnose(study, t) for t in study.full) if not d.has("short")]
    curves = [d.trial.curve(study.objective.metric).finite for d in seen]
    levels = np.array([_level(study, curve) for curve in curves if len(curve)])
    return len(levels) > 0 and spread(levels) <= APART * max(noise, 1e-12)


def _constant(study: StudyData, level: float, noise: float) -> str:
    """Which constant predictor a level is that of, in words; empty where none is known."""
    metric, up = study.objective.metric, study.sign < 0
    if not up and _CROSS_ENTROPY.search(metric) and level > 0:
        classes = min(CLASSES, key=lambda c: abs(level - np.log(c)))
        if abs(level - np.log(classes)) <= min(max(NEAR * level, noise), CLOSE * level):
            return f"which is ln {classes}: a guess among {classes} equal classes"
    if up and _AUC.search(metric):
        return "which is that of a guess" if abs(level - 0.5) <= max(3 * noise, 0.01) else ""
    if up and _R2.search(metric):
        return "no better than the mean of the targets" if level <= max(3 * noise, 0.01) else ""
    if up and is_share(metric) and level >= 0:
        top = 100.0 if level > 1 else 1.0
        return "which naming one class alone can reach" if level <= top / 2 + 3 * noise else ""
    return ""
