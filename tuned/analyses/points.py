"""The points that a search tried, each once, however often it was run. Owns that view of the ranked trials."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tuned.analyses.study_data import Floats, StudyData, TrialData, once
from tuned.core.space import Parameter, Value


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Points that were tried.

    Attributes:
        trials: One trial of each point, best first by the mean of the point's results.
        results: (points,) these means, less is better.
    """

    trials: tuple[TrialData, ...]
    results: Floats

    def with_active(self, parameter: Parameter) -> Points:
        """Those in which a parameter is active."""
        kept = [i for i, t in enumerate(self.trials) if parameter.name in t.params]
        return Points(tuple(self.trials[i] for i in kept), self.results[kept])


@once
def points(study: StudyData) -> Points:
    """The ranked trials point by point: repetitions with other seeds are one point, not evidence of its place."""
    groups: dict[tuple[tuple[str, Value], ...], list[TrialData]] = {}
    for trial in study.ranked:
        groups.setdefault(tuple(sorted(trial.params.items())), []).append(trial)
    means = [float(np.mean(study.sign * study.outcome(members))) for members in groups.values()]
    order = np.argsort(means, kind="stable")
    first = [members[0] for members in groups.values()]
    return Points(tuple(first[i] for i in order), np.array(means, dtype=float)[order])
