"""Hugging Face: `Trainer(..., callbacks=[TunedCallback()])`.

Owns when to report and when to stop. Transformers is imported when `TunedCallback` is.
"""

from __future__ import annotations

from typing import Any, Mapping, Optional, Sequence

from tuned.integrations.reporting import Reporter, first_importable, make_class

MODULES = ("transformers",)


class _Hooks:
    """Reports what the trainer logs (`loss`, `eval_loss`, ...) by global step, and ends it when the trial shall stop.

    Args:
        metrics: Names to report, such as `["eval_loss"]`; None: all that are logged.
        save_on_stop: Whether the trainer shall save a checkpoint before it ends, to go on from later: point
            `output_dir` into the trial's `checkpoint_dir` for that.
    """

    def __init__(self, metrics: Optional[Sequence[str]] = None, save_on_stop: bool = False) -> None:
        super().__init__()
        self._reporter = Reporter(metrics)
        self._save = save_on_stop

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Optional[Mapping[str, Any]] = None, **more: Any
    ) -> None:
        """Report; what an evaluation gives is logged too."""
        self._reporter.report(state.global_step, logs)

    def on_evaluate(
        self, args: Any, state: Any, control: Any, metrics: Optional[Mapping[str, Any]] = None, **more: Any
    ) -> None:
        """Report, for trainers that do not log what they evaluate; said twice, it counts once."""
        self._reporter.report(state.global_step, metrics)
        self._stop(control, agreed=True)

    def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """Look whether to stop: that is one `stat`. Several ranks agree less often, because it costs."""
        if getattr(args, "world_size", 1) == 1:
            self._stop(control, agreed=False)

    def on_epoch_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """Look whether to stop, on every rank alike."""
        self._stop(control, agreed=True)

    def _stop(self, control: Any, agreed: bool) -> None:
        if self._reporter.trial.should_stop(sync=agreed):
            control.should_training_stop = True
            if self._save:
                control.should_save = True


def __getattr__(name: str) -> Any:
    if name != "TunedCallback":
        raise AttributeError("module %r has no attribute %r" % (__name__, name))
    made = make_class(__name__, _Hooks, first_importable(MODULES).TrainerCallback)
    globals()[name] = made
    return made
