"""Training and validation side by side: both values of a trial at the step that counts, and the gap between them.

Owns which step that is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tuned.analyses.study_data import StudyData, TrialData


@dataclass(frozen=True, slots=True)
class Twin:
    """Both values of one trial; `gap` is how much worse validation is than training (below 0: better)."""

    train: float
    validation: float
    gap: float


def twin(study: StudyData, trial: TrialData) -> Twin | None:
    """Training and validation at the step that gave the trial its result; None when one of them is unknown.

    With the summary `best` that is the step of the best validation value, otherwise the last one.
    """
    objective = study.objective
    measured, trained = trial.curve(objective.metric).finite, trial.curve(objective.train).finite
    validation = trial.values.get(objective.metric, np.nan)
    if not len(trained) or not np.isfinite(validation):
        return None
    step = measured.steps[-1] if len(measured) else trained.steps[-1]
    if objective.summary == "best" and len(measured):
        step = measured.steps[int(np.argmin(study.sign * measured.values))]
    at = int(np.searchsorted(trained.steps, step, side="right")) - 1
    train = float(trained.values[max(0, at)])
    return Twin(train, validation, study.sign * (validation - train))
