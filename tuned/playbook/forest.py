"""How much of the variation of results each parameter explains, as a random forest sees it.

Owns the encoding for trees and the permutation on trials that a tree has not seen.
"""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import RandomForestRegressor

from tuned.core.space import Parameter, same_value
from tuned.playbook.study_data import Floats, StudyData, TrialData, positions

LEAST_TRIALS = 12
TREES = 64
REPEATS = 5
FOLDS = 4
INACTIVE = -1.0


def importances(study: StudyData) -> tuple[tuple[str, float, float], ...]:
    """(parameter, share of the explained variation, its standard error), the largest first; empty with few trials.

    Each parameter's values are shuffled among trials that the forest was not fitted on; what that adds to the error of
    ranks is its share. Ranks, because a single diverged trial must not outweigh all others.
    """
    trials = study.ranked
    tuned = [p for p in study.space.tunable if len({repr(t.params.get(p.name)) for t in trials}) > 1]
    if len(trials) < LEAST_TRIALS or not tuned:
        return ()
    x = np.column_stack([_column(parameter, trials) for parameter in tuned])
    outcome = study.sign * study.outcome(trials)
    y = np.argsort(np.argsort(outcome, kind="stable"), kind="stable") / (len(outcome) - 1)
    rng = np.random.default_rng(0)
    folds = np.array_split(rng.permutation(len(y)), FOLDS)
    rises = np.array([_rises(x, y, fold, rng) for fold in folds])
    mean = np.maximum(rises.mean(axis=0), 0.0)
    if mean.sum() <= 0:
        return ()
    error = rises.std(axis=0, ddof=1) / np.sqrt(FOLDS)
    found = [(p.name, float(m / mean.sum()), float(e / mean.sum())) for p, m, e in zip(tuned, mean, error, strict=True)]
    return tuple(sorted(found, key=lambda one: -one[1]))


def _rises(x: Floats, y: Floats, fold: np.ndarray, rng: np.random.Generator) -> list[float]:
    """By how much shuffling each column raises the squared error on the held-back trials."""
    rest = np.setdiff1d(np.arange(len(y)), fold)
    forest = RandomForestRegressor(TREES, min_samples_leaf=2, random_state=0, n_jobs=1).fit(x[rest], y[rest])
    held, told = x[fold], y[fold]
    before = float(np.square(forest.predict(held) - told).mean())
    found = []
    for column in range(x.shape[1]):
        errors = []
        for _ in range(REPEATS):
            shuffled = held.copy()
            shuffled[:, column] = rng.permutation(held[:, column])
            errors.append(float(np.square(forest.predict(shuffled) - told).mean()))
        found.append(float(np.mean(errors)) - before)
    return found


def _column(parameter: Parameter, trials: tuple[TrialData, ...]) -> Floats:
    """A parameter's values for a tree: its place in the range, the number of its choice, or that it is inactive."""
    active = [trial for trial in trials if parameter.name in trial.params]
    places = positions(parameter, [trial.params[parameter.name] for trial in active])
    if not np.isfinite(places).all():
        places = np.array(
            [
                next((i for i, v in enumerate(parameter.values) if same_value(v, t.params[parameter.name])), -1)
                for t in active
            ],
            dtype=float,
        )
    by_number = dict(zip((trial.number for trial in active), places, strict=True))
    return np.array([by_number.get(trial.number, INACTIVE) for trial in trials])
