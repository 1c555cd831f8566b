"""Trains a small network on handwritten digits: one trial of the study beside this file.

Owns the data split, the network and the training loop; which hyperparameters to use is the daemon's choice. Started
without a daemon (`python train.py lr=0.01 width=64`) it uses the defaults below, so the same file serves for looking
at one point closely. `--test` measures the finished network on images that no trial ever saw.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional

import tuned

DEFAULTS: dict[str, Any] = {
    "lr": 0.003,
    "batch": 64,
    "layers": 2,
    "width": 64,
    "activation": "relu",
    "optimizer": "adam",
    "momentum": 0.9,
    "regularizer": "none",
    "l1": 1e-5,
    "l2": 1e-3,
    "dropout": 0.2,
    "epochs": 80,
}
ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
TRAIN, VALIDATION = 1077, 360  # of 1797 images; the remaining 360 are the test set
DIVERGED = 1e4


def splits() -> dict[str, tuple[Tensor, Tensor]]:
    """The images as rows of 64 grey values in 0..1 with their digits; the same split in every trial."""
    images, digits = load_digits(return_X_y=True)
    order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(0))
    x, y = torch.tensor(images, dtype=torch.float32)[order] / 16, torch.tensor(digits)[order]
    first, second = TRAIN, TRAIN + VALIDATION
    return {
        "train": (x[:first], y[:first]),
        "validation": (x[first:second], y[first:second]),
        "test": (x[second:], y[second:]),
    }


def build(p: dict[str, Any]) -> nn.Sequential:
    """`layers` hidden layers of `width` units between 64 pixels and 10 digits."""
    parts: list[nn.Module] = []
    inputs = 64
    for _ in range(p["layers"]):
        parts += [nn.Linear(inputs, p["width"]), ACTIVATIONS[p["activation"]]()]
        if p["regularizer"] == "dropout":
            parts.append(nn.Dropout(p["dropout"]))
        inputs = p["width"]
    return nn.Sequential(*parts, nn.Linear(inputs, 10))


def optimizer_for(net: nn.Module, p: dict[str, Any]) -> torch.optim.Optimizer:
    """SGD with Nesterov momentum or Adam, each with the L2 penalty as decay of the weights."""
    decay = p["l2"] if p["regularizer"] == "l2" else 0.0
    if p["optimizer"] == "sgd":
        nesterov = p["momentum"] > 0
        return torch.optim.SGD(net.parameters(), p["lr"], p["momentum"], weight_decay=decay, nesterov=nesterov)
    return torch.optim.AdamW(net.parameters(), p["lr"], weight_decay=decay)


def batches(x: Tensor, y: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """One epoch in a new random order; each image moves sideways by up to one pixel, so no epoch repeats another."""
    wide = functional.pad(x.view(-1, 8, 8), (1, 1)).flatten(1)
    window = (torch.arange(8)[:, None] * 10 + torch.arange(8)).flatten()
    for rows in torch.randperm(len(y)).split(size):
        shifts = torch.randint(3, (len(rows), 1))
        yield wide[rows].gather(1, window + shifts), y[rows]


def train_epoch(net: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor, p: dict[str, Any]) -> None:
    """One pass over the training images."""
    net.train()
    for some_x, some_y in batches(x, y, size=p["batch"]):
        optimizer.zero_grad()
        loss = functional.cross_entropy(net(some_x), some_y)
        if p["regularizer"] == "l1":
            loss = loss + p["l1"] * sum(weights.abs().sum() for weights in net.parameters() if weights.ndim > 1)
        loss.backward()
        optimizer.step()


def measure(net: nn.Module, data: tuple[Tensor, Tensor]) -> tuple[float, float]:
    """Mean cross-entropy in nats, and the share of digits that are read right; penalties and dropout play no part."""
    net.eval()
    x, y = data
    with torch.no_grad():
        scores = net(x)
        return functional.cross_entropy(scores, y).item(), (scores.argmax(1) == y).double().mean().item()


def save(path: Path, **state: Any) -> None:
    """Write the checkpoint so that a reader finds a whole one or none."""
    temporary = path.with_suffix(".new")
    torch.save(state, temporary)
    temporary.replace(path)


def train(trial: tuned.Trial) -> nn.Module:
    """Train to the end, or until asked to stop; then leave a checkpoint that the next attempt goes on from."""
    p = trial.params
    data = splits()
    net = build(p)
    optimizer = optimizer_for(net, p)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 1 / p["epochs"], total_iters=p["epochs"])
    trial.watch(net)  # its gradients, for `tunectl advise`
    first = 0
    if trial.resumed and (last := Path(trial.checkpoint_dir, "last.pt")).exists():
        state = torch.load(last)
        net.load_state_dict(state["net"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        first = state["epoch"] + 1
    for epoch in range(first, p["epochs"]):
        train_epoch(net, optimizer, *data["train"], p)
        schedule.step()
        train_loss, train_accuracy = measure(net, data["train"])
        val_loss, val_accuracy = measure(net, data["validation"])
        if epoch % 10 == 9:
            print(f"epoch {epoch + 1}: validation loss {val_loss:.4f}, accuracy {val_accuracy:.2%}")
        trial.report(
            step=epoch,
            train_loss=train_loss,
            val_loss=val_loss,
            train_accuracy=train_accuracy,
            val_accuracy=val_accuracy,
        )
        if not math.isfinite(train_loss) or train_loss > DIVERGED:
            print(f"diverged in epoch {epoch}")
            break
        if trial.should_stop():
            last = Path(trial.checkpoint_dir, "last.pt")
            save(
                last,
                epoch=epoch,
                net=net.state_dict(),
                optimizer=optimizer.state_dict(),
                schedule=schedule.state_dict(),
            )
            print(f"asked to stop after epoch {epoch}; the state is in {last}")
            break
    return net


def chosen(arguments: list[str]) -> dict[str, Any]:
    """The defaults with `name=value` arguments laid over them, each in its default's type."""
    point = dict(DEFAULTS)
    for argument in arguments:
        name, _, value = argument.partition("=")
        if name not in point or not value:
            sys.exit(f"train.py: {argument}: expected NAME=VALUE with NAME one of {', '.join(point)}")
        point[name] = type(point[name])(value)
    return point


def leave_evidence(net: nn.Module, trial: tuned.Trial) -> None:
    """What `tunectl data` and `tunectl report` look at: size and speed, probabilities of each image, hashes."""
    data = splits()
    x, y = data["validation"]
    trial.describe(net, x)
    net.eval()
    with torch.no_grad():
        trial.save_predictions("validation", net(x).softmax(1), y)
    for split in ("train", "validation"):
        trial.data_hashes(split, *data[split])


def main() -> None:
    torch.set_num_threads(1)  # trials run side by side; more threads for a net of this size only cost
    arguments = sys.argv[1:]
    test = "--test" in arguments
    trial = tuned.current_trial(defaults=chosen([a for a in arguments if a != "--test"]))
    net = train(trial)
    leave_evidence(net, trial)
    if test:
        loss, accuracy = measure(net, splits()["test"])
        print(f"test images: loss {loss:.4f}, accuracy {accuracy:.2%}")


if __name__ == "__main__":
    main()
