"""The likely role of a parameter, by its name. Owns these guesses; a rule that rests on one says so."""

from __future__ import annotations

import re

from tuned.core.study import Direction

_RATE = re.compile(r"(^|[._])(lr|eta|learning_?rate|step_?size)([._0-9]|$)", re.I)
_BATCH = re.compile(r"(^|[._])(batch|bs|batch_?size|per_device_train_batch_size|mini_?batch(_?size)?)$", re.I)
_REGULARISER = re.compile(
    r"weight_?decay|(^|[._])(wd|decay|l1|l2|lambda|alpha)$|drop|smooth|mixup|cutmix|augment|noise|reg(ul|$|_)", re.I
)
_SIZE = re.compile(r"width|depth|layer|unit|hidden|channel|filter|dim|heads|neurons|blocks|size|embed|rank", re.I)
_ACCURACY = re.compile(
    r"acc|f1|auc|precision|recall|top_?[0-9]|error|miss|iou|dice|bleu|rouge|loss|perplex|mse|mae|r2", re.I
)
_SHARE = re.compile(r"acc|f1|precision|recall|iou|dice", re.I)
_BY_HEIGHT = re.compile(r"acc|f1|auc|precision|recall|top_?[0-9]|iou|dice|r2", re.I)
_BY_DEPTH = re.compile(r"loss|error|nll|mse|mae|rmse|miss|perplex", re.I)


def is_learning_rate(name: str) -> bool:
    """`lr`, `optim.lr`, `learning_rate`, `lr_head`."""
    return bool(_RATE.search(name)) and not re.search(r"warm|decay|sched|factor|mult", name, re.I)


def is_batch_size(name: str) -> bool:
    """`batch`, `batch_size`, `bs`."""
    return bool(_BATCH.search(name))


def is_regulariser(name: str) -> bool:
    """`dropout`, `weight_decay`, `l2`, `label_smoothing`."""
    return bool(_REGULARISER.search(name))


def is_size(name: str) -> bool:
    """`width`, `n_layers`, `hidden_dim`: more of it costs memory and time."""
    return bool(_SIZE.search(name)) and not is_batch_size(name)


def is_quality(metric: str) -> bool:
    """A metric of how good a model is, not of how fast."""
    return bool(_ACCURACY.search(metric))


def is_share(metric: str) -> bool:
    """A share of examples or of area: `accuracy`, `val_f1`, `iou`; as 0 to 1, or in per cent."""
    return bool(_SHARE.search(metric))


def usual_direction(metric: str) -> Direction | None:
    """Where a metric is better; None where the name does not tell."""
    if _BY_HEIGHT.search(metric):
        return "maximize"
    return "minimize" if _BY_DEPTH.search(metric) else None
