"""Digits with a small net: optimisers, each at its own best learning rate."""

import sys
from pathlib import Path

import torch
from torch import nn

sys.path.append(str(Path(__file__).resolve().parents[2]))  # the checkout, for examples.digits_data

import tuned
from examples.digits_data import digits, measure, train_epoch

OPTIMIZERS = {
    "sgd": lambda weights, lr: torch.optim.SGD(weights, lr),
    "momentum": lambda weights, lr: torch.optim.SGD(weights, lr, momentum=0.9, nesterov=True),
    "rmsprop": lambda weights, lr: torch.optim.RMSprop(weights, lr),
    "adam": lambda weights, lr: torch.optim.Adam(weights, lr),
    "adamw": lambda weights, lr: torch.optim.AdamW(weights, lr, weight_decay=0.01),
}

trial = tuned.current_trial(defaults={"optimizer": "adam", "lr": 0.01, "epochs": 15, "repeat": 1})
p = trial.params
torch.manual_seed(p["repeat"])  # the same start for every optimiser and rate

train, validation = digits()
net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
optimizer = OPTIMIZERS[p["optimizer"]](net.parameters(), p["lr"])

for epoch in range(p["epochs"]):
    train_epoch(net, optimizer, train)
    train_loss, _ = measure(net, train)
    val_loss, val_accuracy = measure(net, validation)
    trial.report(step=epoch, train_loss=train_loss, val_loss=val_loss, val_accuracy=val_accuracy)
    if trial.should_stop():
        break
