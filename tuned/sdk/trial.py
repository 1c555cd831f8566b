"""The trial as the training script sees it, inside a daemon's trial and outside of any.

Owns `Trial`, the names that scripts use. Its two kinds are `DaemonTrial` and `LocalTrial`.
"""

from __future__ import annotations

import abc
import atexit
import sys
import time
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Mapping, Optional

from tuned import protocol
from tuned.sdk import distributed
from tuned.sdk.metrics import clean_metrics, clean_step

if TYPE_CHECKING:
    from pathlib import Path

    from tuned.sdk.folds import Fold
    from tuned.sdk.watch import Watch


_SAVE_GRADIENTS_S = 10.0
"""A trial that is killed loses no more of them."""


class Trial(abc.ABC):
    """One evaluation of one point of the search space.

    Example::

        trial = tuned.current_trial(defaults={"lr": 1e-3})
        for epoch in range(20):
            trial.report(step=epoch, val_loss=train(trial.params["lr"]))
            if trial.should_stop():
                break

    Attributes:
        params: Name -> value of each parameter.
        number: Of the trial in its study, from 1; 0 outside of a daemon.
        seed: For the script's own random generators.
        device: The device to use, by torch's name: `cuda` (only the trial's GPU is visible) or `cpu`.
        attempt: From 1; higher when the trial was tried or continued again.
        stage: `search`, or a later part of the study.
        resumed: An earlier attempt of this trial ran: look into `checkpoint_dir`.
    """

    def __init__(self) -> None:
        self.params: Dict[str, Any] = {}
        self.number = 0
        self.seed = 0
        self.attempt = 1
        self.stage = "search"
        self.resumed = False
        self.last_step: Optional[int] = None
        self._watches: List[Watch] = []
        self._gradients_due = 0.0

    @property
    def device(self) -> str:
        """`cuda` or `cpu`, as torch takes it."""
        torch = sys.modules.get("torch")
        return "cuda" if torch is not None and torch.cuda.is_available() else "cpu"

    @property
    def checkpoint_dir(self) -> Path:
        """A folder, made when first asked for, that all attempts of this trial share. Asking says: I can resume."""
        return made("checkpoint")

    @property
    def work_dir(self) -> Path:
        """A folder for whatever this attempt writes."""
        return made(".")

    def report(self, step: Optional[int] = None, metrics: Optional[Mapping[str, Any]] = None, **more: Any) -> None:
        """Report metrics: `trial.report(step=epoch, train_loss=a, val_accuracy=b)`.

        Args:
            step: Epoch, batch or any other count from 0; without it each metric counts on by itself.
            metrics: Name -> value, for names that are no Python identifiers.
            **more: Name -> value. Numbers, and scalars of numpy and torch; NaN and infinities are fine.

        Raises:
            ValueError: A value is not one number, or a step no whole number. Never for trouble with files.
        """
        number = clean_step(step)
        values = clean_metrics(dict(metrics, **more) if metrics else more)
        if number is not None:
            self.last_step = number
        if distributed.is_first():
            if self._watches:
                self._add_gradients(values)
            self._report(number, values)

    def should_stop(self, sync: bool = False) -> bool:
        """Whether the trial is wanted no more: save into `checkpoint_dir` and return. Costs one `stat`.

        Args:
            sync: Give every rank rank 0's answer; then every rank must call it. Without it the answer is this
                process's own, and ranks may differ for a moment.
        """
        wanted = self._stop_wanted()
        return distributed.agree(wanted) if sync else wanted

    def describe(self, model: Any, example: Any = None) -> Dict[str, Any]:
        """Report how large a torch model is, and how fast: `parameters`, `model_bytes`, `model_layers`, `latency_ms`.

        They are metrics like any other, so they can be an objective or a constraint. Takes half a second at most,
        or three calls of the model where those take longer; the model is left as it was.

        Args:
            model: A `torch.nn.Module`.
            example: Its input for the latency: a tensor, a tuple of arguments, or a dict of keywords;
                None: `latency_ms` is left out.

        Returns:
            The reported values.

        Raises:
            ValueError: It is no torch model. Errors of the model itself for the example.
        """
        from tuned.sdk.describe import described  # not at the top: a script that never asks does not pay for it

        found = described(model, example)
        if distributed.is_first():
            self._report(None, clean_metrics(found))
        return found

    def watch(self, model: Any, every: Optional[int] = None) -> Watch:
        """Sample the norms of a torch model's gradients while it trains, at a hundredth of the time or less.

        Call it once, before the first step; then train as ever. The samples go along with `report` as
        `grad_norm` and `grad_norm_max`, and layer by layer into the run directory, for the verdicts on vanishing and
        exploding gradients and on clipping.

        Args:
            model: A `torch.nn.Module`.
            every: Optimiser steps between samples; None: what costs a hundredth.

        Returns:
            The watch; `watch.remove()` ends it.

        Raises:
            ValueError: It is no torch model.
        """
        from tuned.sdk.watch import Watch

        watch = Watch(model, every)
        if distributed.is_first():
            self._watches.append(watch)
            if len(self._watches) == 1:
                atexit.register(self._save_gradients)
        else:
            watch.remove()
        return watch

    def _add_gradients(self, values: Dict[str, Any]) -> None:
        """The samples since the last report; a script's own metrics of these names stay."""
        for i, watch in enumerate(self._watches, 1):
            for name, value in watch.take().items():
                values.setdefault(name if i == 1 else "%s_%d" % (name, i), protocol.encode_number(value))
        now = time.monotonic()
        if now > self._gradients_due:
            self._gradients_due = now + _SAVE_GRADIENTS_S
            self._save_gradients()

    def _save_gradients(self) -> None:
        """Leave what was sampled in the run directory, where there is one."""
        return

    def save_predictions(self, split: str, probabilities: Any, targets: Any = None, ids: Any = None) -> None:
        """Keep what the model says of each example of a split, for ensembles and for `tunectl data`.

        A script that runs alone keeps nothing.

        Call it with the model that counts, the best or the last one; a later call for the same split replaces the
        earlier file. Every trial must pass the examples in the same order, or `ids`.

        Args:
            split: `validation`, `test`, `train`, or any other name of letters, digits, `_` and `-`.
            probabilities: (examples, classes) after the softmax, (examples,) for one probability or one predicted
                number. A tensor, an array, or lists; also a list of batches.
            targets: (examples,) class numbers or true values.
            ids: (examples,) a name or number of each example, such as its file.

        Raises:
            ValueError: The shapes do not fit each other. Never for trouble with files.
        """
        from tuned.sdk import predictions  # not at the top: a script that never asks does not pay for it

        if distributed.is_first():
            predictions.save(self._predictions_dir, split, probabilities, targets, ids, self.last_step)

    def data_hashes(self, split: str, inputs: Any, targets: Any = None, ids: Any = None) -> None:
        """Keep a hash of each example of a split: `tunectl data` finds those that are in two splits, or twice in one.

        Args:
            split: As for `save_predictions`.
            inputs: The examples as the model gets them, before any random augmentation: an array or tensor whose rows
                they are, or any sequence of arrays, tensors, texts or bytes. About a gigabyte a second.
            targets: (examples,) class numbers: equal inputs with unequal targets are told, too.
            ids: (examples,) a name or number of each example.

        Raises:
            ValueError: The shapes do not fit each other. Never for trouble with files.
        """
        from tuned.sdk import predictions

        if distributed.is_first():
            predictions.save_hashes(self._predictions_dir, split, inputs, targets, ids)

    @property
    def _predictions_dir(self) -> Optional[str]:
        """Where they are kept; None: nowhere, for a script that runs alone."""
        return None

    def folds(self, k: int) -> Iterator[Fold]:
        """Cross-validation: `for fold in trial.folds(5): train, valid = fold.split(len(x), labels=y); ...`.

        Report with `fold.report`: the trial's own metrics are the mean over the folds at each step that all of them
        have, and `NAME_sem` its standard error. All trials of a study meet the same folds. A trial whose folds so far
        show that it is worse than the best may be asked to stop; then no further fold is given.

        Args:
            k: How many folds, at least 2.

        Raises:
            ValueError: `k` is less than 2.
        """
        from tuned.sdk.folds import folds

        return folds(self, k)

    @abc.abstractmethod
    def _report(self, step: Optional[int], values: Dict[str, Any]) -> None:
        """Take metrics that were checked."""

    @abc.abstractmethod
    def _stop_wanted(self) -> bool:
        """Whether this process has been asked to stop."""


def made(folder: str) -> Path:
    """The folder, made if it is missing; what goes wrong is said and left to the script to meet."""
    from pathlib import Path  # not at the top: a script that never asks does not pay for it

    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        sys.stderr.write("tuned: cannot make %s: %s\n" % (path, error.strerror))
    return path
