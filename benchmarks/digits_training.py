"""The training behind the problem `digits`: a small network on scikit-learn's digits, epoch by epoch.

Owns that network and its data; it imports nothing of tuned, because it also runs inside trials.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any


@cache
def _digits() -> tuple[Any, Any, Any, Any]:
    import torch
    from sklearn.datasets import load_digits

    torch.set_num_threads(1)
    images, labels = load_digits(return_X_y=True)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    x, y = torch.tensor(images, dtype=torch.float32)[order] / 16, torch.tensor(labels)[order]
    return x[:1000], y[:1000], x[1000:], y[1000:]


def digits_epochs(point: Mapping[str, Any], seed: int, epochs: int) -> Iterator[tuple[float, float]]:
    """Validation loss and accuracy after each epoch; the training's own seed is fixed by the trial's."""
    import torch
    from torch import nn
    from torch.nn import functional

    x, y, held_x, held_y = _digits()
    torch.manual_seed(seed)
    kinds = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
    width, act = int(point["width"]), kinds[str(point["activation"])]
    drop = float(point.get("dropout", 0.0))
    net = nn.Sequential(
        nn.Linear(64, width), act(), nn.Dropout(drop), nn.Linear(width, width), act(), nn.Linear(width, 10)
    )
    decay, lr = float(point.get("l2", 0.0)), float(point["lr"])
    if point["optimizer"] == "sgd":
        optimizer: torch.optim.Optimizer = torch.optim.SGD(
            net.parameters(), lr, float(point["momentum"]), weight_decay=decay
        )
    else:
        optimizer = torch.optim.Adam(net.parameters(), lr, weight_decay=decay)
    for _ in range(epochs):
        net.train()
        for rows in torch.randperm(len(y)).split(int(point["batch"])):
            optimizer.zero_grad()
            functional.cross_entropy(net(x[rows]), y[rows]).backward()
            optimizer.step()
        net.eval()
        with torch.no_grad():
            output = net(held_x)
            loss = float(functional.cross_entropy(output, held_y))
            right = float((output.argmax(1) == held_y).float().mean())
        yield (min(loss, 10.0) if math.isfinite(loss) else 10.0), right
