"""Cross-validation within one trial: the folds, each fold's reports, and their mean for the search.

Owns the split, which depends on the number of examples, the number of folds and the labels alone, so that all trials of
a study meet the same folds and can be compared fold by fold; and the names: `fold2/val_loss` is a curve of the second
fold, `folds/val_loss` has one value a fold (its step is the fold's number), `val_loss` the mean and `val_loss_sem` its
standard error.
"""

from __future__ import annotations

import hashlib
import math
from _random import Random  # `random` may be a file beside the script
from typing import Any, Dict, Iterator, List, Mapping, Optional, Protocol, Sequence, Tuple

from tuned.protocol import FOLD_PREFIX, FOLDS_PREFIX, decode_number
from tuned.sdk.metrics import clean_metrics, clean_step

_SEM = "_sem"
Curve = List[Tuple[Optional[int], float]]


class Reports(Protocol):
    """The part of `tuned.Trial` that folds use."""

    def report(self, step: Optional[int] = None, metrics: Optional[Mapping[str, Any]] = None) -> None:
        """Take metrics."""

    def should_stop(self) -> bool:
        """Whether the trial has been asked to stop."""


class Fold:
    """One of `k` parts of the data, held out once.

    Example::

        for fold in trial.folds(5):
            train, valid = fold.split(len(x), labels=y)
            fold.report(val_accuracy=fit(x[train], y[train]).score(x[valid], y[valid]))

    Attributes:
        number: From 1 to `k`.
        k: How many folds there are.
    """

    def __init__(self, trial: Reports, number: int, k: int) -> None:
        self.number = number
        self.k = k
        self._trial = trial
        self.curves: Dict[str, Curve] = {}

    def split(self, examples: int, labels: Optional[Sequence[Any]] = None) -> Tuple[List[int], List[int]]:
        """Which examples to train on, and which to validate on.

        Args:
            examples: How many there are, at least `k`.
            labels: (examples,) classes, spread evenly over the folds; None: at random.

        Returns:
            Sorted indices of both; the same in every trial.

        Raises:
            ValueError: There are fewer examples than folds, or not as many labels.
        """
        parts = fold_parts(examples, self.k, labels)
        inside = [i for i in range(examples) if parts[i] != self.number]
        return inside, [i for i in range(examples) if parts[i] == self.number]

    def report(self, step: Optional[int] = None, metrics: Optional[Mapping[str, Any]] = None, **more: Any) -> None:
        """Report metrics of this fold; the trial's own follow when all folds are done.

        Args:
            step: As in `Trial.report`.
            metrics: Name -> value, for names that are no Python identifiers.
            **more: Name -> value.

        Raises:
            ValueError: A value is not one number, or a step no whole number.
        """
        number = clean_step(step)
        values = clean_metrics(dict(metrics, **more) if metrics else more)
        for name, value in values.items():
            self.curves.setdefault(name, []).append((number, decode_number(value)))
        self._trial.report(step, {"%s%d/%s" % (FOLD_PREFIX, self.number, n): v for n, v in values.items()})

    def should_stop(self) -> bool:
        """`Trial.should_stop`."""
        return self._trial.should_stop()


def folds(trial: Reports, k: int) -> Iterator[Fold]:
    """The folds one after the other; what each has reported is summed up when the next is asked for.

    Args:
        trial: The trial that reports.
        k: At least 2.

    Raises:
        ValueError: `k` is less than 2.
    """
    if k < 2:
        raise ValueError("folds(%r): at least 2 folds are needed" % (k,))
    done: List[Fold] = []
    for number in range(1, k + 1):
        fold = Fold(trial, number, k)
        yield fold
        done.append(fold)
        report_fold(trial, fold)
        if number < k and trial.should_stop():
            break
    report_mean(trial, done)


def report_fold(trial: Reports, fold: Fold) -> None:
    """The fold's one value of each metric: the last that it reported."""
    values = {FOLDS_PREFIX + name: curve[-1][1] for name, curve in fold.curves.items() if curve}
    if values:
        trial.report(fold.number, values)


def report_mean(trial: Reports, done: Sequence[Fold]) -> None:
    """Mean and standard error over the folds, at each step that all of them have reported."""
    if not done:
        return
    for name in [n for n in done[0].curves if all(n in fold.curves for fold in done)]:
        by_step = [dict(_numbered(fold.curves[name])) for fold in done]
        steps = [step for step in by_step[0] if all(step in curve for curve in by_step)]
        unnumbered = all(step is None for fold in done for step, _ in fold.curves[name])
        if unnumbered:
            steps = steps[-1:]
        for step in steps:
            mean, sem = mean_and_sem([curve[step] for curve in by_step])
            trial.report(None if unnumbered else step, {name: mean, name + _SEM: sem})


def _numbered(curve: Curve) -> Curve:
    """Reports without a step are counted."""
    return [(i if step is None else step, value) for i, (step, value) in enumerate(curve)]


def mean_and_sem(values: Sequence[float]) -> Tuple[float, float]:
    """Mean, and its standard error by the spread between the values; NaN from one alone."""
    n = len(values)
    mean = sum(values) / n
    if n < 2:
        return mean, math.nan
    return mean, math.sqrt(sum((v - mean) ** 2 for v in values) / (n - 1) / n)


def _shuffle(order: List[int], seed: str) -> None:
    """The order that `random.Random(seed).shuffle` gives, by a generator of its own: the script's is not touched."""
    text = seed.encode()
    bits = Random(int.from_bytes(text + hashlib.sha512(text).digest(), "big"))
    for i in reversed(range(1, len(order))):
        j = i + 1
        while j > i:
            j = bits.getrandbits((i + 1).bit_length())
        order[i], order[j] = order[j], order[i]


def fold_parts(examples: int, k: int, labels: Optional[Sequence[Any]] = None) -> List[int]:
    """(examples,) the fold, from 1, in which each example is held out.

    Raises:
        ValueError: There are fewer examples than folds, or not as many labels.
    """
    if examples < k:
        raise ValueError("%d examples cannot be split into %d folds" % (examples, k))
    if labels is not None and len(labels) != examples:
        raise ValueError("%d labels for %d examples" % (len(labels), examples))
    order = list(range(examples))
    _shuffle(order, "folds %d" % k)
    if labels is not None:
        order.sort(key=lambda i: str(labels[i]))
    parts = [0] * examples
    for place, i in enumerate(order):
        parts[i] = place % k + 1
    return parts
