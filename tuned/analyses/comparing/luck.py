"""How much of the best of many results is luck, and the figure to quote beside it.

Owns that estimate. A best of n was chosen for being best, so one run of it promises more than its configuration keeps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tuned.analyses.comparing.repetitions import configurations
from tuned.analyses.comparing.variance import Floats, seed_variance
from tuned.analyses.intervals import mean_of
from tuned.analyses.study_data import StudyData, once

DRAWS = 2000
LEAST = 5
"""Results from which the luck of the best is estimated."""


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
    own = next((c for c in found if c.number == best.number and len(c.runs) > 1), None)
    if own is not None:
        mean = mean_of(own.values)
        return Honest(
            mean.mean, mean.low, mean.high, mean.n,
            f"mean of {mean.n} further seeds: {mean.mean:.4g} ({mean.low:.4g} .. {mean.high:.4g})",
        )  # fmt: skip
    results = study.outcome(study.ranked)
    variance = seed_variance([c.values for c in found])
    if variance is None or len(results) < LEAST:
        return Honest(None, None, None, 0, f"one run, the best of {len(results)}: not confirmed")
    value = float(results[0]) + study.sign * optimism(study.sign * results, float(np.sqrt(variance)))
    return Honest(value, None, None, 0, f"without the luck of the best of {len(results)}, about {value:.4g}")


def optimism(results: Floats, deviation: float, seed: int = 0) -> float:
    """How much better the best result is than its configuration, by a parametric bootstrap; at least 0.

    Args:
        results: (trials,), smaller is better.
        deviation: Of one result between seeds.
        seed: Of the draws.
    """
    seen = results + np.random.default_rng(seed).normal(0.0, deviation, (DRAWS, len(results)))
    chosen = seen.argmin(axis=1)
    return max(0.0, float(np.mean(results[chosen] - seen[np.arange(DRAWS), chosen])))
