"""Keras: `model.fit(..., callbacks=[TunedCallback()])`, with `keras`, `tf_keras` or `tensorflow.keras`.

Owns when to report and when to stop. Keras is imported when `TunedCallback` is.
"""

from __future__ import annotations

from typing import Any, Mapping, Optional, Sequence

from tuned.integrations.reporting import Reporter, first_importable, make_class

MODULES = ("keras", "tf_keras", "tensorflow.keras")


class _Hooks:
    """Reports each epoch's logs (`loss`, `val_loss`, ...), and ends the training when the trial shall stop.

    Args:
        metrics: Names to report, such as `["val_loss"]`; None: all that are logged.
    """

    model: Any

    def __init__(self, metrics: Optional[Sequence[str]] = None) -> None:
        super().__init__()
        self._reporter = Reporter(metrics)

    def on_epoch_end(self, epoch: int, logs: Optional[Mapping[str, Any]] = None) -> None:
        """Report."""
        self._reporter.report(epoch, logs)
        self._stop()

    def on_train_batch_end(self, batch: int, logs: Optional[Mapping[str, Any]] = None) -> None:
        """Look whether to stop: that is one `stat`."""
        self._stop()

    def _stop(self) -> None:
        if self._reporter.trial.should_stop():
            self.model.stop_training = True


def __getattr__(name: str) -> Any:
    if name != "TunedCallback":
        raise AttributeError("module %r has no attribute %r" % (__name__, name))
    made = make_class(__name__, _Hooks, first_importable(MODULES).callbacks.Callback)
    globals()[name] = made
    return made
