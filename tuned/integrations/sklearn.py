"""scikit-learn: a training loop around `partial_fit`, and a cross-validation that reports fold by fold.

Owns these two loops. scikit-learn is imported when one is called.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Union

from tuned.sdk import Trial, current_trial

Scoring = Union[str, Callable[[Any, Any, Any], float]]


def fit_partially(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    validation: Sequence[Any],
    steps: int,
    scoring: Union[Scoring, Mapping[str, Scoring], None] = None,
    batch: Optional[int] = None,
    trial: Optional[Trial] = None,
    **fit: Any,
) -> Any:
    """Call `estimator.partial_fit` pass by pass, report its scores after each, and stop when the trial shall.

    Args:
        estimator: Anything with `partial_fit`: SGDClassifier, MLPClassifier, MiniBatchKMeans, a naive Bayes, ...
        X: Training samples.
        y: Their targets; None for what learns without.
        validation: `(X, y)` to score on.
        steps: Passes over the training samples, from this trial's first step on.
        scoring: A scorer or its name (reported as `score`), or name -> scorer; None: the estimator's own `score`.
        batch: Samples a call; None: all at once. They are taken in their order.
        trial: None: the one that this process runs.
        fit: More arguments of `partial_fit`. `classes` is filled in for classifiers.

    Returns:
        The estimator.
    """
    running = trial or current_trial()
    scorers = _scorers(estimator, scoring)
    if y is not None and "classes" not in fit and _is_classifier(estimator):
        import numpy

        fit["classes"] = numpy.unique(y)
    size = len(X) if batch is None else batch
    for step in range(steps):
        for start in range(0, len(X), size):
            part = slice(start, start + size)
            estimator.partial_fit(X[part], None if y is None else y[part], **fit)
        running.report(step=step, metrics={name: scorer(estimator, *validation) for name, scorer in scorers.items()})
        if running.should_stop():
            break
    return estimator


def cross_validate(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    cv: Any = None,
    scoring: Union[Scoring, Mapping[str, Scoring], None] = None,
    trial: Optional[Trial] = None,
    **fit: Any,
) -> Dict[str, List[float]]:
    """Fit and score fold by fold; after each, report the mean of the scores so far, and stop when the trial shall.

    With early stopping a point that does badly on its first folds is not tried on the others.

    Args:
        estimator: Cloned for each fold.
        X: Samples.
        y: Their targets, if any.
        cv: As everywhere in scikit-learn: a number of folds, a splitter, or None for five.
        scoring: A scorer or its name (reported as `score`), or name -> scorer; None: the estimator's own `score`.
        trial: None: the one that this process runs.
        fit: More arguments of `fit`.

    Returns:
        Name -> the score of each fold that was run.
    """
    from sklearn.base import clone, is_classifier
    from sklearn.model_selection import check_cv

    running = trial or current_trial()
    scorers = _scorers(estimator, scoring)
    scores: Dict[str, List[float]] = {name: [] for name in scorers}
    folds = check_cv(cv, y, classifier=is_classifier(estimator))
    for step, (train, test) in enumerate(folds.split(X, y)):
        fitted = clone(estimator)
        targets = (None, None) if y is None else (_take(y, train), _take(y, test))
        fitted.fit(_take(X, train), targets[0], **fit)
        for name, scorer in scorers.items():
            scores[name].append(float(scorer(fitted, _take(X, test), targets[1])))
        running.report(step=step, metrics={name: sum(found) / len(found) for name, found in scores.items()})
        if running.should_stop():
            break
    return scores


def _take(samples: Any, which: Any) -> Any:
    """Rows of an array, a list or a frame."""
    from sklearn.utils import _safe_indexing

    return _safe_indexing(samples, which)


def _is_classifier(estimator: Any) -> bool:
    from sklearn.base import is_classifier

    return bool(is_classifier(estimator))


def _scorers(
    estimator: Any, scoring: Union[Scoring, Mapping[str, Scoring], None]
) -> Dict[str, Callable[[Any, Any, Any], float]]:
    from sklearn.metrics import check_scoring

    if isinstance(scoring, Mapping):
        return {name: check_scoring(estimator, scoring=scorer) for name, scorer in scoring.items()}
    return {"score": check_scoring(estimator, scoring=scoring)}
