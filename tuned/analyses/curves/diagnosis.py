"""The diagnosis of one trial's curves, train and validation side by side.

Owns the labels and the figures behind them; what a study should make of them is `tuned.analyses.curves.curve_rules`'.
Sources are numbers of the Tuning Playbook's prescriptions as `docs/playbook-verdicts.md` lists them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tuned.analyses.curves.noise import smooth, step_noise
from tuned.analyses.study_data import Curve, Floats, StudyData, TrialData, once

LEAST_REPORTS = 5
"""With fewer there is no shape to see."""
SURE = 3.0
"""Standard errors beyond which a change is no noise."""
OVERFIT_SHARE = 0.02
RISE_SHARE = 0.05
IMPROVING_SHARE = 0.05
WORSE_SHARE = 0.3
"""Of a curve's whole range: an end that is worse than the begin by less is no divergence."""
TOLERANCE = 0.01
"""Shares of the whole improvement from the first report to the best."""
PERIOD_LEAST = 40
"""Reports that a period needs to be told from chance."""
PERIOD_STRENGTH = 0.6

NEIGHBOURS = 5
"""Reports on either side of the best, whose noise is what the best owes its luck to."""

LABELS: Mapping[str, str] = {
    "diverged": "a value is not finite, or training itself ends clearly worse than it began",
    "ends-worse": "it ends clearly worse than it began; without a training curve nobody can tell why",
    "overfitting": "the validation metric gets worse after its best, beyond noise, while training goes on",
    "rising-train": "the training metric gets worse after its best, beyond noise",
    "improving": "the last quarter still brought a clear gain",
    "saturated": "within the tolerance of its best in the first quarter, and no clear gain after",
    "periodic": "the validation metric swings with a period",
    "short": "too few reports to see a shape",
}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One trial's curves in figures; in the objective's units unless said.

    Attributes:
        labels: Of `LABELS`.
        best_step, best_share: Where the best report is, as a step and as a share of all steps.
        converged_step, converged_s: When it was first within the tolerance of its best: step, and seconds after the
            first report's step began (None without times).
        first, best, last: The validation metric at its ends and its best; `last` is the median of the last reports.
        train_first, train_last: The same of the training twin; NaN without one.
        noise: Standard deviation from report to report, late.
        rise: How much worse the end is than the smoothed best (positive: worse).
        late_gain: The gain of the last quarter, as a share of the whole improvement.
        period: Reports a period; 0 without one.
    """

    trial: TrialData
    labels: tuple[str, ...]
    best_step: float = np.nan
    best_share: float = np.nan
    converged_step: float = np.nan
    converged_s: float | None = None
    first: float = np.nan
    best: float = np.nan
    last: float = np.nan
    train_first: float = np.nan
    train_last: float = np.nan
    noise: float = 0.0
    rise: float = 0.0
    late_gain: float = 0.0
    period: int = 0

    def has(self, label: str) -> bool:
        """Whether a label applies."""
        return label in self.labels

    @property
    def gap(self) -> float:
        """Validation minus training at the end; NaN without a training twin."""
        return self.last - self.train_last


@once
def diagnose(study: StudyData, trial: TrialData) -> Diagnosis:
    """The findings from a trial's curves."""
    objective, sign = study.objective, study.sign
    raw, twin = trial.curve(objective.metric), trial.curve(objective.train).finite
    curve = raw.finite
    broken = trial.failure == "nan" or len(curve) < len(raw) or len(twin) < len(trial.curve(objective.train))
    if len(curve) < LEAST_REPORTS:
        return Diagnosis(trial, ("diverged",) if broken else ("short",))
    x, t = sign * curve.values, sign * twin.values
    noise, smoothed = step_noise(x), smooth(x)
    at = int(np.argmin(smoothed))
    whole = max(float(x[0] - smoothed[at]), 0.0)
    tail = tail_length(len(x))
    end, error = float(np.median(x[-tail:])), standard_error(noise, tail)
    # Early reports are noisier than late ones under a decayed rate, and the best of many is a lucky one.
    near = standard_error(max(noise, step_noise(x[max(0, at - NEIGHBOURS) : at + NEIGHBOURS + 1])), tail)
    rise = end - float(smoothed[at])
    gain = late_gain(x)
    share = gain / whole if whole > 0 else 0.0
    train_rises = _rises(t)
    converged = converged_at(smoothed, whole, noise)
    labels = _broken_or_worse(broken, x, t)
    if rise > max(SURE * near, OVERFIT_SHARE * whole) and len(x) - 1 - at >= tail and not (train_rises or labels):
        labels.append("overfitting")
    if train_rises:
        labels.append("rising-train")
    period = find_period(x)
    # The gain of a last quarter depends on where in a swing the curve ends.
    if share > IMPROVING_SHARE and gain > SURE * error and not period:
        labels.append("improving")
    elif converged < len(x) / 4 and whole > 0:
        labels.append("saturated")
    if period:
        labels.append("periodic")
    return Diagnosis(
        trial, tuple(labels),
        best_step=float(curve.steps[int(np.argmin(x))]),
        best_share=share_of_steps(curve, int(np.argmin(x))),
        converged_step=float(curve.steps[converged]),
        converged_s=_seconds(curve, trial, converged),
        first=float(curve.values[0]), best=float(sign * np.min(x)), last=sign * end,
        train_first=float(twin.values[0]) if len(twin) else np.nan,
        train_last=float(np.median(twin.values[-tail:])) if len(twin) else np.nan,
        noise=noise, rise=rise, late_gain=share, period=period,
    )  # fmt: skip


def _broken_or_worse(broken: bool, x: Floats, t: Floats) -> list[str]:
    """`diverged`, `ends-worse` or neither, from both curves with less being better.

    Validation that ends worse than it began is strong overfitting while training improves. Without a training curve
    a curve that first improved by as much as it lost since counts as overfitting, too.
    """
    if broken:
        return ["diverged"]
    if not _ends_worse(x):
        return []
    if len(t) >= LEAST_REPORTS:
        return ["diverged"] if _ends_worse(t) else []
    improved, lost = float(x[0] - np.min(smooth(x))), float(np.median(x[-tail_length(len(x)) :]) - x[0])
    return [] if improved > lost else ["ends-worse"]


def _ends_worse(x: Floats) -> bool:
    tail = tail_length(len(x))
    begin, end = float(np.median(x[:3])), float(np.median(x[-tail:]))
    # The noise between any two reports counts as well: a curve that has not settled is noisy early.
    error = max(standard_error(step_noise(x), tail), standard_error(step_noise(x[: len(x) // 2]), tail))
    return end > max(begin, float(x[0])) + SURE * error and end - float(x[0]) > WORSE_SHARE * float(np.ptp(x))


def tail_length(reports: int) -> int:
    """How many of the last reports stand for the end: an eighth, at least three."""
    return max(3, reports // 8)


def standard_error(noise: float, reports: int) -> float:
    """Of the difference between the median of so many reports and a running median of three."""
    return 1.25 * noise * float(np.sqrt(1 / reports + 1 / 3))


def late_gain(x: Floats) -> float:
    """How much better the last quarter is than the one before it; smaller is better in `x`."""
    quarter = max(2, len(x) // 4)
    return float(np.median(x[-2 * quarter : -quarter]) - np.median(x[-quarter:]))


def converged_at(smoothed: Floats, whole: float, noise: float) -> int:
    """Index of the first report within the tolerance of the best: 1 % of the whole improvement or twice the noise.

    The best is that of the medians of eighths of the smoothed curve: of many noisy reports the best single one is a
    lucky one, and where it lies says nothing.
    """
    level = min(float(np.median(part)) for part in np.array_split(smoothed, min(8, len(smoothed))) if len(part))
    return int(np.argmax(smoothed <= max(level, float(np.min(smoothed))) + max(TOLERANCE * whole, 2 * noise)))


def share_of_steps(curve: Curve, index: int) -> float:
    """Where a report lies between the beginning of training and the last report; 0.0 to 1.0."""
    steps = curve.steps
    before = float(steps[1] - steps[0]) if len(steps) > 1 and steps[0] > 0 else 0.0
    begin = max(0.0, float(steps[0]) - before)
    return float((steps[index] - begin) / (steps[-1] - begin)) if steps[-1] > begin else 1.0


def _seconds(curve: Curve, trial: TrialData, index: int) -> float | None:
    if trial.started_at is None or not np.isfinite(curve.times[index]):
        return None
    since = max(0.0, float(curve.times[index] - trial.started_at))
    # Time in which the trial stood still is in the one and not in the other; when it did, events alone say.
    return since if trial.seconds is None else min(since, trial.seconds)


def _rises(t: Floats) -> bool:
    if len(t) < LEAST_REPORTS:
        return False
    smoothed, tail = smooth(t), tail_length(len(t))
    at = int(np.argmin(smoothed))
    rise, whole = float(np.median(t[-tail:]) - smoothed[at]), float(t[0] - smoothed[at])
    beyond = rise > SURE * standard_error(step_noise(t), tail)
    return beyond and rise > RISE_SHARE * max(whole, 0.0) and rise > 1e-9 and len(t) - 1 - at >= tail


def find_period(x: Floats) -> int:
    """Reports a period of the later two thirds of a curve; 0 when no swing repeats at least three times.

    The autocorrelation, its trend taken out, must come back to `PERIOD_STRENGTH` after having been as clearly negative
    as half of that on the way.
    """
    late = x[len(x) // 3 :]
    if len(x) < PERIOD_LEAST:
        return 0
    places = np.arange(len(late), dtype=float)
    rest = late - np.polyval(np.polyfit(places, late, 2), places)
    power = float(np.dot(rest, rest))
    if power <= 1e-18:
        return 0
    most = len(late) // 3
    size = len(late)
    back = [float(np.dot(rest[: size - lag], rest[lag:])) / power * size / (size - lag) for lag in range(most + 2)]
    for lag in range(3, most + 1):
        peak = back[lag] >= max(back[lag - 1], back[lag + 1])
        if peak and back[lag] > PERIOD_STRENGTH and back[lag // 2] < -PERIOD_STRENGTH / 2:
            return lag
    return 0
