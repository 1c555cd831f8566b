"""Several models' predictions as one: voting, averaging, greedy selection, stacking.

Owns the ways of combining, as pure functions over arrays. A model's predictions are (examples, classes) probabilities,
or (examples,) numbers; a list of models has them all in the same order of examples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Targets = NDArray[np.int64] | Floats
Loss = Callable[[Floats, Targets], float]
"""From predictions and targets to a number of which less is better."""

_LEAST = 1e-12
ROUNDS = 25
FOLDS = 5


def log_loss(said: Floats, targets: Targets) -> float:
    """Mean negative log-likelihood of the right classes."""
    chosen = said[np.arange(len(targets)), targets.astype(np.int64)] / np.clip(said.sum(axis=1), _LEAST, None)
    return float(-np.log(np.clip(chosen, _LEAST, None)).mean())


def error_rate(said: Floats, targets: Targets) -> float:
    """Share of examples whose most probable class is wrong."""
    return float((said.argmax(axis=1) != targets).mean())


def squared_error(said: Floats, targets: Targets) -> float:
    """Mean squared error of numbers."""
    return float(((said - targets) ** 2).mean())


def average(models: Sequence[Floats], weights: Sequence[float] | None = None) -> Floats:
    """The (weighted) mean of the models' predictions."""
    mean: Floats = np.average(np.stack(models), axis=0, weights=weights)
    return mean


def vote(models: Sequence[Floats]) -> Floats:
    """Share of the models that choose each class; an equal number of votes goes to the more probable class."""
    votes = np.stack([np.eye(m.shape[1])[m.argmax(axis=1)] for m in models]).mean(axis=0)
    return votes + average(models) / (len(models) * 10.0)


def greedy(models: Sequence[Floats], targets: Targets, loss: Loss, rounds: int = ROUNDS) -> list[int]:
    """Which models to average, with repetition: each round adds the one that makes the average best.

    Args:
        models: The best single model first: it decides between equals.
        targets: Of the examples to select on. What it is judged by must be other examples.
        loss: Less is better.
        rounds: At most so many; it ends when no addition helps.

    Returns:
        Indices, as often as each was chosen.
    """
    chosen: list[int] = []
    total = np.zeros_like(models[0])
    best = np.inf
    for _ in range(rounds):
        losses = [loss((total + m) / (len(chosen) + 1), targets) for m in models]
        following = int(np.argmin(losses))
        if losses[following] >= best - 1e-12:
            break
        best = losses[following]
        chosen.append(following)
        total = total + models[following]
    return chosen


def features(models: Sequence[Floats]) -> Floats:
    """(examples, features) of a stacker: each model's log-odds, or its number."""
    columns = []
    for said in models:
        if said.ndim == 1:
            columns.append(said[:, None])
            continue
        logs = np.log(np.clip(said, 1e-6, None))
        columns.append(logs - logs.mean(axis=1, keepdims=True))
    return np.hstack(columns)


def stack(fit: Sequence[Floats], targets: Targets, apply: Sequence[Floats]) -> Floats:
    """A linear model over the models' predictions, fitted on some examples and applied to others.

    Its strength of regularisation is chosen by cross-validation within the examples it is fitted on: nothing that it is
    applied to has any part in it.

    Args:
        fit: Each model's predictions for the examples to fit on.
        targets: Theirs.
        apply: Each model's predictions for the examples that are wanted.
    """
    from sklearn.linear_model import LogisticRegression, RidgeCV
    from sklearn.model_selection import GridSearchCV, StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, z = features(fit), features(apply)
    if fit[0].ndim == 1:
        regression = make_pipeline(StandardScaler(), RidgeCV(alphas=np.logspace(-3, 3, 13)))
        predicted: Floats = regression.fit(x, targets).predict(z)
        return predicted
    classes, counts = np.unique(targets, return_counts=True)
    if len(classes) < 2:
        return average(apply)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    folds = int(min(FOLDS, counts.min()))
    if folds >= 2:
        splits = StratifiedKFold(folds, shuffle=True, random_state=0)
        grid = {"logisticregression__C": [0.001, 0.01, 0.1, 1.0]}
        model = GridSearchCV(model, grid, scoring="neg_log_loss", cv=splits)
    model.fit(x, targets)
    found = np.full((len(z), fit[0].shape[1]), _LEAST)
    found[:, classes] = model.predict_proba(z)
    whole: Floats = found / found.sum(axis=1, keepdims=True)
    return whole
