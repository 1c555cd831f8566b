"""Trains the studies that the playbook's tests judge, on real data, and writes what their trials reported.

Run it from the repository's root when the studies change: `python -m tests.analyses.record_studies [NAME ...]`. Every
study is a real search over small nets on scikit-learn's digits: ten healthy ones, and one for each planted fault. It
takes about two minutes for all of them; the tests read the files that it leaves in `recorded/`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from tuned.core.search.design import design_point
from tuned.core.study_file.space_file import parse_space

FOLDER = Path(__file__).parent / "recorded"
TRAIN, VALID = 1200, 597
ACTIVATIONS: Mapping[str, Callable[[], nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}

LR = {"type": "float", "low": 3e-4, "high": 1.0, "log": True}
SGD_LR = {"type": "float", "low": 1e-2, "high": 10.0, "log": True}
WIDTH = {"type": "int", "low": 16, "high": 128, "log": True}
DROPOUT = {"type": "float", "low": 0.0, "high": 0.5}
DECAY = {"type": "float", "low": 1e-5, "high": 1e-1, "log": True}

LOSS, ACCURACY = ("val_loss", "minimize", "train_loss"), ("val_accuracy", "maximize", "train_accuracy")


def healthy(space: dict[str, Any], objective: tuple[str, str, str] = LOSS, trials: int = 16, **fixed: Any) -> Any:
    """A study that somebody who knows the playbook would leave alone."""
    base = {"optimizer": "adamw", "decay": 1e-2, "dropout": 0.1, "epochs": 25, "schedule": True}
    return {"space": space, "objective": objective, "trials": trials, "fixed": {**base, **fixed}}


STUDIES: dict[str, Any] = {
    "healthy-adamw": healthy({"lr": LR, "width": WIDTH}),
    "healthy-accuracy": healthy({"lr": LR, "width": WIDTH, "dropout": DROPOUT}, ACCURACY),
    "healthy-sgd": healthy({"lr": SGD_LR, "momentum": {"type": "float", "low": 0.5, "high": 0.95}}, optimizer="sgd"),
    "healthy-activation": healthy(
        {"lr": LR, "activation": {"type": "choice", "values": ["relu", "tanh"], "role": "scientific"}}
    ),
    "healthy-optimizer": healthy(
        {"optimizer": {"type": "choice", "values": ["adamw", "sgd"], "role": "scientific"}, "lr": LR},
        ACCURACY,
        trials=20,
    ),
    "healthy-regularizer": healthy(
        {
            "lr": LR,
            "regularizer": {"type": "choice", "values": ["none", "dropout"], "role": "scientific"},
            "dropout": {"type": "float", "low": 0.05, "high": 0.5, "when": {"regularizer": "dropout"}},
        },
        trials=20,
    ),
    "healthy-batch": healthy(
        {"lr": LR, "batch": {"type": "choice", "values": [32, 64, 128], "ordered": True}}, ACCURACY
    ),
    "healthy-depth": healthy({"lr": LR, "depth": {"type": "int", "low": 1, "high": 3}, "width": WIDTH}, trials=20),
    "healthy-linear": healthy({"lr": LR, "decay": DECAY}, ACCURACY, depth=0, epochs=30),
    "healthy-constant-lr": healthy({"lr": LR, "dropout": DROPOUT, "decay": DECAY}, schedule=False, trials=24),
    "fault-narrow-lr": healthy(
        {"lr": {"type": "float", "low": 1e-5, "high": 1e-3, "log": True}, "width": WIDTH},
        optimizer="sgd", momentum=0.9, schedule=False,
    ),
    "fault-overfitting": healthy(
        {"lr": {"type": "float", "low": 3e-4, "high": 3e-2, "log": True}, "width": WIDTH},
        samples=200, depth=3, batch=32, dropout=0.0, decay=0.0, schedule=False, epochs=120, every=3,
    ),
    "fault-too-few-steps": healthy({"lr": LR, "width": WIDTH}, epochs=2, reports=10, schedule=False, optimizer="sgd"),
    "fault-too-many-steps": healthy(
        {"lr": {"type": "float", "low": 1e-2, "high": 1e-1, "log": True}, "dropout": DROPOUT},
        ACCURACY, epochs=300, every=5, schedule=False, batch=100, trials=12,
    ),
    "fault-diverging": healthy(
        {"lr": {"type": "float", "low": 1e-2, "high": 1e3, "log": True}, "width": WIDTH},
        optimizer="sgd", momentum=0.9, schedule=False, trials=20,
    ),
    "fault-deep-sigmoid": healthy(
        {"lr": {"type": "float", "low": 1e-3, "high": 1e-1, "log": True}, "width": WIDTH},
        optimizer="sgd", depth=8, activation="sigmoid", schedule=False,
    ),
}  # fmt: skip


def digits(samples: int) -> tuple[torch.Tensor, ...]:
    """Training and validation images and labels."""
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    x = torch.tensor(images[order] / 16 - 0.3, dtype=torch.float32)
    y = torch.tensor(labels[order])
    return x[: min(samples, TRAIN)], y[: min(samples, TRAIN)], x[TRAIN : TRAIN + VALID], y[TRAIN : TRAIN + VALID]


def make_net(params: Mapping[str, Any]) -> nn.Sequential:
    """A perceptron with as many hidden layers as `depth`."""
    layers: list[nn.Module] = []
    inputs, width = 64, params.get("width", 64)
    for _ in range(params.get("depth", 1)):
        layers += [nn.Linear(inputs, width), ACTIVATIONS[params.get("activation", "relu")]()]
        layers += [nn.Dropout(params.get("dropout", 0.0))]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, 10))


def make_optimizer(net: nn.Module, params: Mapping[str, Any]) -> torch.optim.Optimizer:
    """AdamW, or SGD with momentum."""
    if params["optimizer"] == "sgd":
        momentum = params.get("momentum", 0.9)
        return torch.optim.SGD(net.parameters(), params["lr"], momentum=momentum, weight_decay=params["decay"] * 1e-2)
    return torch.optim.AdamW(net.parameters(), params["lr"], weight_decay=params["decay"])


def train(params: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """One trial's reports: steps (epochs or parts of them), times and metrics."""
    torch.manual_seed(seed)
    x, y, x_val, y_val = digits(params.get("samples", TRAIN))
    if params.get("regularizer") == "none":
        params = {**params, "dropout": 0.0}
    net = make_net(params)
    optimizer = make_optimizer(net, params)
    batch, epochs = params.get("batch", 64), params["epochs"]
    updates = epochs * (len(x) // batch)
    every = (
        max(1, len(x) // batch // params["reports"])
        if "reports" in params
        else len(x) // batch * params.get("every", 1)
    )
    report: dict[str, Any] = {
        "steps": [],
        "times": [],
        "train_loss": [],
        "val_loss": [],
        "train_accuracy": [],
        "val_accuracy": [],
    }
    began, order = time.perf_counter(), torch.randperm(len(x))
    for update in range(updates):
        at = update % (len(x) // batch)
        if at == 0:
            order = torch.randperm(len(x))
        rows = order[at * batch : (at + 1) * batch]
        optimizer.param_groups[0]["lr"] = params["lr"] * (
            0.5 * (1 + np.cos(np.pi * update / updates)) if params["schedule"] else 1.0
        )
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
        if (update + 1) % every == 0:
            note(report, net, (update + 1) // every, began, (x, y, x_val, y_val))
            if not np.isfinite(report["train_loss"][-1]):
                break
    return report


@torch.no_grad()
def note(report: dict[str, Any], net: nn.Module, step: int, began: float, data: tuple[torch.Tensor, ...]) -> None:
    """Evaluate on both sets and add a report."""
    net.eval()
    report["steps"].append(step)
    report["times"].append(round(time.perf_counter() - began, 4))
    for name, x, y in (("train", *data[:2]), ("val", *data[2:])):
        scores = net(x)
        report[f"{name}_loss"].append(float(f"{nn.functional.cross_entropy(scores, y).item():.5g}"))
        report[f"{name}_accuracy"].append(round((scores.argmax(1) == y).float().mean().item(), 4))
    net.train()


def record(name: str) -> dict[str, Any]:
    """All trials of one study."""
    study = STUDIES[name]
    space = parse_space(study["space"])
    metric, direction, twin = study["objective"]
    trials = []
    for number in range(1, study["trials"] + 1):
        params = design_point(space, 0, number - 1)
        report = train({**study["fixed"], **params}, seed=number)
        diverged = not np.isfinite(report["train_loss"][-1])
        finite = [v for v in report[metric] if np.isfinite(v)]
        value = (min if direction == "minimize" else max)(finite, default=float("nan"))
        curves = {key: [None if v != v else v for v in report[key]] for key in (metric, twin)}
        trials.append({
            "number": number, "params": params, "steps": report["steps"], "times": report["times"], "curves": curves,
            "value": None if diverged else value, "failure": "nan" if diverged else "", "seconds": report["times"][-1],
        })  # fmt: skip
    return {"name": name, "space": study["space"], "objective": study["objective"], "trials": trials}


def main() -> None:
    """Record the studies named on the command line, or all of them."""
    torch.set_num_threads(1)
    FOLDER.mkdir(exist_ok=True)
    for name in sys.argv[1:] or STUDIES:
        began = time.perf_counter()
        text = json.dumps(record(name), separators=(",", ":"))
        (FOLDER / f"{name}.json").write_text(text + "\n")
        print(f"{name}: {len(text) // 1024} KiB, {time.perf_counter() - began:.1f} s", flush=True)


if __name__ == "__main__":
    main()
