"""Metrics as users report them: how bad a net is, from 0 (perfect here) to 1 (a constant predictor), in units of each.

Owns the scales.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scale:
    """One metric.

    Attributes:
        name, train: Of the validation metric and of its training twin.
        constant: Value of a constant predictor; `perfect`: of the best net there could be.
        examples: A share of so many examples, which moves in steps; 0: a number.
    """

    name: str
    train: str
    direction: Literal["minimize", "maximize"]
    constant: float
    perfect: float
    examples: int = 0

    def values(self, badness: Floats) -> Floats:
        """The metric where a net is so bad; a share of examples is rounded to whole ones."""
        raw: Floats = self.perfect + badness * (self.constant - self.perfect)
        if not self.examples:
            return raw
        top = 100.0 if max(self.constant, self.perfect) > 1 else 1.0
        rounded: Floats = np.clip(np.round(raw / top * self.examples) / self.examples * top, 0.0, top)
        return rounded


CROSS_ENTROPY = Scale("val_loss", "train_loss", "minimize", float(np.log(10)), 0.02)
SCALES: dict[str, Scale] = {
    "cross-entropy": CROSS_ENTROPY,
    "accuracy": Scale("val_accuracy", "train_accuracy", "maximize", 0.1, 0.995, examples=2000),
    "accuracy-percent": Scale("val_acc", "train_acc", "maximize", 10.0, 99.5, examples=2000),
    "error-percent": Scale("val_error", "train_error", "minimize", 90.0, 0.5, examples=2000),
    "negative-nll": Scale("val_nll", "train_nll", "minimize", 1.53, -2.6),
    "log-loss-at-its-floor": Scale("val_logloss", "train_logloss", "minimize", 0.46, 0.448),
    "mse-of-noisy-data": Scale("val_mse", "train_mse", "minimize", 1.0, 0.85),
    "perplexity": Scale("val_perplexity", "train_perplexity", "minimize", 900.0, 22.0),
    "rmse": Scale("val_rmse", "train_rmse", "minimize", 3.1, 0.7),
    "tiny-mae": Scale("val_mae", "train_mae", "minimize", 3e-4, 2e-5),
    "r2": Scale("val_r2", "train_r2", "maximize", 0.0, 0.83),
    "auc-of-hard-data": Scale("val_auc", "train_auc", "maximize", 0.5, 0.64),
    "bleu": Scale("val_bleu", "train_bleu", "maximize", 0.0, 33.0),
    "reward": Scale("eval_reward", "train_reward", "maximize", -210.0, 190.0),
    "elbo": Scale("val_elbo", "train_elbo", "maximize", -2100.0, -86.0),
    "iou": Scale("val_iou", "train_iou", "maximize", 0.05, 0.77),
}
