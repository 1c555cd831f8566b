"""How much of the best of many results is luck, and the figure to quote beside it.

Owns how a study's repetitions become that figure; the estimate is `tuned.core.final.luck`'s.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tuned.analyses.comparing.repeated import Configuration, all_alike
from tuned.analyses.comparing.repetitions import configuration, configurations
from tuned.analyses.intervals import mean_of
from tuned.analyses.space.sampling import within_scale
from tuned.analyses.study_data import StudyData, TrialData, once
from tuned.core.final.luck import beside, pooled_deviation, shrunk
from tuned.core.playbook.spec import CONFIRM_STAGE
from tuned.core.space import canonical_key
from tuned.core.study import SEARCH


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
    best, found = study.ranked[0], configurations(study)
    of = len({canonical_key(trial.params) for trial in study.ranked})
    own = next((c for c in found if c.number == best.number and len(c.runs) > 1), None)
    every = other_seeds(study, best)
    own = every if own is None or own.tried < every.tried else own
    if own.tried:
        return _repeated(study, own, of)
    found = [] if all_alike(found) else found
    deviation = pooled_deviation((mean.n, mean.sem) for mean in (mean_of(c.values) for c in found))
    estimate = shrunk([float(score) for score in study.sign * study.outcome(study.ranked)], deviation)
    value = None if estimate is None else study.sign * estimate
    return Honest(value, None, None, 0, beside(of, estimate=value))


def _repeated(study: StudyData, own: Configuration, of: int) -> Honest:
    runs = len(own.runs)
    if not runs:
        return Honest(None, None, None, 0, beside(of, failed=own.failed))
    equal = bool(np.all(own.values == own.searched))
    mean = mean_of(own.values)
    ends = None if equal or runs < 2 else (within_scale(study, mean.low), within_scale(study, mean.high))
    low, high = ends or (None, None)
    return Honest(mean.mean, low, high, runs, beside(of, mean.mean, runs, None, ends, equal, own.failed))


def other_seeds(study: StudyData, trial: TrialData) -> Configuration:
    """The other runs of a trial's point, in the search and in confirmations: with other seeds than its own."""
    key = canonical_key(trial.params)
    same = [
        t
        for t in study.trials
        if t.seed != trial.seed and t.stage in (SEARCH, CONFIRM_STAGE) and canonical_key(t.params) == key
    ]
    return configuration(study, trial, same)
