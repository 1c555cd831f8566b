"""Small networks trained together: all points of a group differ in numbers alone, so one pass serves them all.

Owns the networks and the optimisers of the tables' tasks. A group's points see the same data in the same order and
begin with the same weights, as trials with one seed do; each has its own gradients, because they share no weight.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

Data = tuple[Tensor, Tensor, Tensor, Tensor]
"""Training inputs and targets, validation inputs and targets."""
Network = Callable[[list[Tensor], Tensor, Callable[[Tensor], Tensor]], Tensor]
"""(weights, inputs, dropout) -> outputs of shape (points, rows, outputs)."""
WORST = 1e4
"""Losses end here, and what is not finite is one."""


@dataclass(frozen=True, slots=True)
class Group:
    """Points that can be trained together.

    Attributes:
        network: `mlp`, `cnn` or `rnn`.
        width: Units of the hidden layer, or channels.
        batch: Rows a step.
        optimizer: `sgd`, `momentum`, `adam` or `adamw`.
        lr, decay, dropout: One number a point.
        cosine: For each point whether its learning rate falls to 0 along a half cosine.
    """

    network: str
    width: int
    batch: int
    optimizer: str
    lr: tuple[float, ...]
    decay: tuple[float, ...]
    dropout: tuple[float, ...]
    cosine: tuple[bool, ...]


def epochs_of(data: Data, group: Group, classes: int, epochs: int, seed: int) -> Iterator[list[Tensor]]:
    """After each epoch training loss, validation loss, accuracy (0 for a regression) and processor seconds, by point.

    Args:
        data: The task's.
        group: Points trained together, n of them.
        classes: Of the targets; 0 for a regression.
        epochs: How many.
        seed: Of weights, order and dropout.

    Returns:
        Four tensors of shape (n,) an epoch; the seconds are the group's, shared evenly.
    """
    x, y, held_x, held_y = data
    n, generator = len(group.lr), torch.Generator().manual_seed(seed)
    weights, network = _begin(group, x.shape[-1], max(1, classes), generator)
    weights = [w.expand(n, *w.shape).clone().requires_grad_() for w in weights]
    step_of, drop = _Steps(group, weights), torch.tensor(group.dropout).view(n, 1, 1)
    total = epochs * math.ceil(len(y) / group.batch)
    steps = 0

    def dropped(hidden: Tensor) -> Tensor:
        if not any(group.dropout):
            return hidden
        # One mask for all points, so that a point's course does not depend on its company.
        draws = torch.rand(hidden.shape[1:], generator=generator)
        return hidden * (draws >= drop).float() / (1 - drop)

    for _ in range(epochs):
        began = time.process_time()
        seen = torch.zeros(n)
        for rows in torch.randperm(len(y), generator=generator).split(group.batch):
            loss = _loss(network(weights, x[rows], dropped), y[rows], classes)
            gradients = torch.autograd.grad(loss.sum(), weights)
            step_of(gradients, steps / total)
            steps += 1
            seen += loss.detach() * len(rows) / len(y)
        with torch.no_grad():
            output = network(weights, held_x, lambda hidden: hidden)
            held = _loss(output, held_y, classes)
            right = (output.argmax(-1) == held_y).float().mean(-1) if classes else torch.zeros(n)
        seconds = torch.full((n,), (time.process_time() - began) / n)
        yield [_bounded(seen), _bounded(held), right, seconds]


def operations(data: Data, group: Group, classes: int) -> float:
    """Multiplications and additions of one point's epoch: forward, and twice as many backward."""
    rows, features = len(data[1]), data[0].shape[-1]
    outputs, width = max(1, classes), group.width
    if group.network == "mlp":
        each = features * width + width * width + width * outputs
    elif group.network == "cnn":
        each = data[0].shape[-2] * features * width + 4 * width * outputs
    else:
        each = data[0].shape[-2] * (features + width) * width + width * outputs
    return float(2 * each * (3 * rows + len(data[3])))


def _bounded(loss: Tensor) -> Tensor:
    return torch.nan_to_num(loss, nan=WORST, posinf=WORST).clamp(max=WORST)


def _loss(output: Tensor, y: Tensor, classes: int) -> Tensor:
    """Mean loss of each point."""
    n = output.shape[0]
    if not classes:
        return (output[..., 0] - y).square().mean(-1)
    each = functional.cross_entropy(output.flatten(0, 1), y.repeat(n), reduction="none")
    return each.view(n, -1).mean(-1)


def _begin(group: Group, features: int, outputs: int, generator: torch.Generator) -> tuple[list[Tensor], Network]:
    """The weights of one network, and its way from inputs to outputs."""

    def layer(into: int, out: int) -> list[Tensor]:
        weight = torch.randn(into, out, generator=generator) * math.sqrt(1.5 / into)
        return [weight, torch.zeros(1, out)]

    width = group.width
    if group.network == "mlp":
        return [*layer(features, width), *layer(width, width), *layer(width, outputs)], _mlp
    if group.network == "cnn":
        return [*layer(features, width), *layer(4 * width, outputs)], _cnn
    return [*layer(features, width), *layer(width, width), *layer(width, outputs)], _rnn


def _mlp(w: list[Tensor], x: Tensor, dropped: Callable[[Tensor], Tensor]) -> Tensor:
    hidden = dropped((x @ w[0] + w[1]).relu())
    hidden = dropped((hidden @ w[2] + w[3]).relu())
    return hidden @ w[4] + w[5]


def _cnn(w: list[Tensor], x: Tensor, dropped: Callable[[Tensor], Tensor]) -> Tensor:
    """One convolution over patches (rows, 36, 9), the largest answers of each quarter of the picture, one layer."""
    rows, patches, pixels = x.shape
    answers = (x.reshape(rows * patches, pixels) @ w[0] + w[1]).relu()
    n, width = answers.shape[0], answers.shape[-1]
    quarters = answers.view(n, rows, 2, 3, 2, 3, width).amax((3, 5))
    return dropped(quarters.reshape(n, rows, 4 * width)) @ w[2] + w[3]


def _rnn(w: list[Tensor], x: Tensor, dropped: Callable[[Tensor], Tensor]) -> Tensor:
    """A plain recurrent layer over the rows of a picture."""
    state: Tensor | None = None
    for row in range(x.shape[1]):
        into = x[:, row] @ w[0] + w[1]
        state = (into if state is None else into + state @ w[2] + w[3]).tanh()
    assert state is not None
    return dropped(state) @ w[4] + w[5]


class _Steps:
    """One step of an optimiser for all points of a group, as torch's own optimisers make it."""

    def __init__(self, group: Group, weights: list[Tensor]) -> None:
        n = len(group.lr)
        self._kind, self._weights = group.optimizer, weights
        self._lr = torch.tensor(group.lr).view(n, 1, 1)
        self._decay = torch.tensor(group.decay).view(n, 1, 1)
        self._cosine = torch.tensor(group.cosine).view(n, 1, 1)
        self._first = [torch.zeros_like(w) for w in weights]
        self._second = [torch.zeros_like(w) for w in weights]
        self._count = 0

    @torch.no_grad()
    def __call__(self, gradients: tuple[Tensor, ...], passed: float) -> None:
        """Move the weights, with so large a share of all steps behind them."""
        self._count += 1
        lr = torch.where(self._cosine, self._lr * (1 + math.cos(math.pi * passed)) / 2, self._lr)
        for w, g, first, second in zip(self._weights, gradients, self._first, self._second, strict=True):
            if self._kind == "adamw":
                w.mul_(1 - lr * self._decay)
            else:
                g = g + self._decay * w
            if self._kind == "sgd":
                w.sub_(lr * g)
            elif self._kind == "momentum":
                first.mul_(0.9).add_(g)
                w.sub_(lr * first)
            else:
                first.mul_(0.9).add_(g, alpha=0.1)
                second.mul_(0.999).addcmul_(g, g, value=0.001)
                scale = (second / (1 - 0.999**self._count)).sqrt_().add_(1e-8)
                w.sub_(lr / (1 - 0.9**self._count) * first / scale)
