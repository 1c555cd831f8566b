"""Wild results: a loss of 1e6 among losses near 1. Owns how much of one counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tuned.analyses.study_data import Floats, StudyData, once
from tuned.analyses.table import number

TAME = 3.0
"""Results worse than three quarters of all by this many times the distance from the best to there count as that bad."""


@dataclass(frozen=True, slots=True)
class Tame:
    """The worst that counts, less being better, and how many results were beyond it."""

    limit: float
    wild: int


def limit_of(results: Floats) -> float:
    """The worst that counts of finite results, less being better; infinite where most are equal."""
    usual = float(np.quantile(results, 0.75))
    best = float(np.min(results))
    return usual + TAME * (usual - best) if usual > best else np.inf


@once
def tame(study: StudyData) -> Tame:
    """The limit for a study's ranked results."""
    results = study.sign * study.outcome(study.ranked)
    limit = limit_of(results) if len(results) else np.inf
    return Tame(limit, int(np.sum(results > limit)))


def wild_note(study: StudyData) -> str:
    """The treatment of wild results, in words; empty without any."""
    found = tame(study)
    if not found.wild:
        return ""
    limit = number(study.sign * found.limit)
    return f"{found.wild} of {len(study.ranked)} results are wild, and count as {limit} in means and models."
