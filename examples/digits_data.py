"""What the torch examples share, so that each shows its own subject alone: the digits, one epoch, one measurement.

Owns the split, which is the same for every trial of every example, and the plain training loop. The 360 images left
over are for the end and no example touches them.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional

TRAIN, VALIDATION = 1077, 360  # of 1,797 images

Data = tuple[Tensor, Tensor]
"""Images (examples, 64), grey values in 0..1, and their digits (examples,)."""


def digits() -> tuple[Data, Data]:
    """The training and the validation images."""
    images, labels = load_digits(return_X_y=True)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    x, y = torch.tensor(images, dtype=torch.float32)[order] / 16, torch.tensor(labels)[order]
    end = TRAIN + VALIDATION
    return (x[:TRAIN], y[:TRAIN]), (x[TRAIN:end], y[TRAIN:end])


def train_epoch(
    net: nn.Module,
    optimizer: torch.optim.Optimizer,
    data: Data,
    batch: int = 64,
    penalty: Callable[[nn.Module], Tensor] | None = None,
    after_step: Callable[[], object] | None = None,
) -> None:
    """One pass over the images in a new random order.

    Args:
        net: From images to ten scores.
        optimizer: Of the net's weights.
        data: The training images.
        batch: Images a step.
        penalty: Added to the loss of each step.
        after_step: Called after each step, e.g. the `step` of a schedule.
    """
    net.train()
    x, y = data
    for rows in torch.randperm(len(y)).split(batch):
        optimizer.zero_grad()
        loss = functional.cross_entropy(net(x[rows]), y[rows])
        if penalty is not None:
            loss = loss + penalty(net)
        loss.backward()
        optimizer.step()
        if after_step is not None:
            after_step()


def measure(net: nn.Module, data: Data) -> tuple[float, float]:
    """Mean cross-entropy in nats, and the share of images that are read right."""
    net.eval()
    x, y = data
    with torch.no_grad():
        scores = net(x)
        return functional.cross_entropy(scores, y).item(), (scores.argmax(1) == y).double().mean().item()
