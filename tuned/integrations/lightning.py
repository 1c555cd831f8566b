"""Lightning: `Trainer(callbacks=[TunedCallback()])`, with `lightning` or `pytorch_lightning`.

Owns when to report and when to stop. Lightning is imported when `TunedCallback` is.
"""

from __future__ import annotations

from typing import Any, Optional, Sequence

from tuned.integrations.reporting import Reporter, first_importable, make_class

MODULES = ("lightning.pytorch", "pytorch_lightning")


class _Hooks:
    """Reports the metrics that the module logs, and ends the training when the trial shall stop.

    Args:
        metrics: Names to report, such as `["val_loss"]`; None: all that are logged.
        step: `"epoch"` (default) or `"global_step"`: what the reports' steps count.
    """

    def __init__(self, metrics: Optional[Sequence[str]] = None, step: str = "epoch") -> None:
        super().__init__()
        if step not in ("epoch", "global_step"):
            raise ValueError("TunedCallback(step=%r): epoch or global_step" % (step,))
        self._reporter = Reporter(metrics)
        self._step = step

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Report what was validated; the check before the training is none."""
        if not trainer.sanity_checking:
            self._report(trainer)
            self._stop(trainer)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Report once more: what the training step logs is complete only now. The last report of a step counts."""
        self._report(trainer)
        self._stop(trainer)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *rest: Any, **more: Any) -> None:
        """Look whether to stop: that is one `stat`. Several ranks agree at the end of an epoch only: that costs."""
        if trainer.world_size == 1 and self._reporter.trial.should_stop():
            trainer.should_stop = True

    def _report(self, trainer: Any) -> None:
        step = trainer.current_epoch if self._step == "epoch" else trainer.global_step
        self._reporter.report(step, trainer.callback_metrics)

    def _stop(self, trainer: Any) -> None:
        if self._reporter.trial.should_stop(sync=True):
            trainer.should_stop = True


def __getattr__(name: str) -> Any:
    if name != "TunedCallback":
        raise AttributeError("module %r has no attribute %r" % (__name__, name))
    made = make_class(__name__, _Hooks, first_importable(MODULES).Callback)
    globals()[name] = made
    return made
