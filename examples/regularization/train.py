"""Digits from 150 images, with a net that is far too large for them: which regulariser, and how much of it."""

import sys
from pathlib import Path

import torch
from torch import nn

sys.path.append(str(Path(__file__).resolve().parents[2]))  # the checkout, for examples.digits_data

import tuned
from examples.digits_data import digits, measure, train_epoch

trial = tuned.current_trial(
    defaults={"regularizer": "dropout", "l1": 1e-4, "l2": 0.1, "dropout": 0.5, "epochs": 80, "repeat": 1}
)
p = trial.params
kind = p["regularizer"]
torch.manual_seed(p["repeat"])  # the same start for every regulariser

(x, y), validation = digits()
train = x[:150], y[:150]
net = nn.Sequential(
    nn.Linear(64, 256), nn.ReLU(), nn.Dropout(p["dropout"] if kind == "dropout" else 0.0), nn.Linear(256, 10)
)
optimizer = torch.optim.AdamW(net.parameters(), 0.003, weight_decay=p["l2"] if kind == "l2" else 0.0)


def l1_penalty(net):
    """The sum of the weights' absolute values, biases apart."""
    return p["l1"] * sum(weights.abs().sum() for weights in net.parameters() if weights.ndim > 1)


for epoch in range(p["epochs"]):
    train_epoch(net, optimizer, train, batch=30, penalty=l1_penalty if kind == "l1" else None)
    train_loss, _ = measure(net, train)
    val_loss, val_accuracy = measure(net, validation)
    trial.report(step=epoch, train_loss=train_loss, val_loss=val_loss, val_accuracy=val_accuracy)
    if trial.should_stop():
        break
