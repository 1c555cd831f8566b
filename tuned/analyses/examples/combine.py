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
Losses = Callable[[Floats, Targets], Floats]
"""The same for each example: (examples,)."""

_LEAST = 1e-12
ROUNDS = 25
FOLDS = 5
"""Parts of the examples; each is held out once."""


def log_loss(said: Floats, targets: Targets) -> float:
    """Mean negative log-likelihood of the right classes."""
    chosen = said[np.arange(len(targets)), targets.astype(np.int64)] / np.clip(said.sum(axis=1), _LEAST, None)
    return float(-np.log(np.clip(chosen, _LEAST, None)).mean())


def errors(said: Floats, targets: Targets) -> Floats:
    """(examples,) 1 where the most probable class is wrong, else 0."""
    wrong: Floats = (said.argmax(axis=1) != targets).astype(float)
    return wrong


def squared_errors(said: Floats, targets: Targets) -> Floats:
    """(examples,) squared errors of numbers."""
    found: Floats = (said - targets) ** 2
    return found


def average(models: Sequence[Floats], weights: Sequence[float] | None = None) -> Floats:
    """The (weighted) mean of the models' predictions."""
    mean: Floats = np.average(np.stack(models), axis=0, weights=weights)
    return mean


def vote(models: Sequence[Floats]) -> Floats:
    """Share of the models that choose each class; an equal number of votes goes to the more probable class."""
    votes: Floats = np.stack([np.eye(m.shape[1])[m.argmax(axis=1)] for m in models]).mean(axis=0)
    return votes + average(models) / (len(models) * 10.0)


def greedy(models: Sequence[Floats], targets: Targets, loss: Loss) -> list[int]:
    """Which models to average, with repetition: each round adds the one that makes the average best.

    Args:
        models: The best single model first: it decides between equals.
        targets: Of the examples to select on. The average must be judged by other examples.
        loss: Less is better.

    Returns:
        Indices, as often as each was chosen.
    """
    chosen: list[int] = []
    total = np.zeros_like(models[0])
    best = np.inf
    for _ in range(ROUNDS):
        losses = [loss((total + m) / (len(chosen) + 1), targets) for m in models]
        following = int(np.argmin(losses))
        if losses[following] >= best - 1e-12:
            break
        best = losses[following]
        chosen.append(following)
        total = total + models[following]
    return chosen


def stack(fit: Sequence[Floats], targets: Targets, apply: Sequence[Floats]) -> Floats:
    """A linear model over the models' predictions, fitted on some examples and applied to others.

    For classes it is multi-response linear regression (one response a class), which is fitted at once and needs no step
    size. Its strength of regularisation is chosen by leaving out one example after the other among those it is fitted
    on: nothing that it is applied to has any part in it.

    Args:
        fit: Each model's predictions for the examples to fit on.
        targets: Theirs.
        apply: Each model's predictions for the examples that are wanted.
    """
    from sklearn.linear_model import RidgeCV

    model = RidgeCV(alphas=np.logspace(-2, 4, 13))
    if fit[0].ndim == 1:
        numbers: Floats = model.fit(np.stack(fit, axis=1), targets).predict(np.stack(apply, axis=1))
        return numbers
    responses = np.eye(fit[0].shape[1])[targets.astype(np.int64)]
    scores: Floats = model.fit(np.hstack(fit), responses).predict(np.hstack(apply))
    return np.clip(scores, _LEAST, None)
