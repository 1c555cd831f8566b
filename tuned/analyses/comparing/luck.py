"""How much of the best of many results is luck, and the figure to quote beside it.

Owns how a study's repetitions become that figure; the estimate is `tuned.core.final.luck`'s.
"""

from __future__ import annotations

from dataclasses import dataclass

from tuned.analyses.comparing.repeated import all_alike
from tuned.analyses.comparing.repetitions import configurations
from tuned.analyses.intervals import mean_of
from tuned.analyses.study_data import StudyData, once
from tuned.core.final.luck import beside, pooled_deviation, shrunk


@dataclass(frozen=True, slots=True)
class Honest:
    """The best trial's figure without the luck of the choice.

    Attributes:
        value: Mean of its repetitions, or the shrunk estimate; None where the noise between seeds is not known.
        low, high: 95 % of the mean; None for an estimate.
        runs: Repetitions; 0 for an estimate.
        how: The figure in words, to stand beside the best.
    """

    value: float | None
    low: float | None
    high: float | None
    runs: int
    how: str


@once
def honest(study: StudyData) -> Honest | None:
    """The figure to quote beside the study's best; None without results."""
    if not study.ranked:
        return None
    best, found, of = study.ranked[0], configurations(study), len(study.ranked)
    found = [] if all_alike(found) else found
    own = next((c for c in found if c.number == best.number and len(c.runs) > 1), None)
    if own is not None:
        mean = mean_of(own.values)
        return Honest(mean.mean, mean.low, mean.high, mean.n, beside(of, mean.mean, mean.n, interval=mean.interval))
    deviation = pooled_deviation((mean.n, mean.sem) for mean in (mean_of(c.values) for c in found))
    estimate = shrunk([float(score) for score in study.sign * study.outcome(study.ranked)], deviation)
    value = None if estimate is None else study.sign * estimate
    return Honest(value, None, None, 0, beside(of, estimate=value))
