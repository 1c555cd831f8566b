"""Digits: how deep, how wide, and what that costs."""

import sys
from pathlib import Path

import torch
from torch import nn

sys.path.append(str(Path(__file__).resolve().parents[2]))  # the checkout, for examples.digits_data

import tuned
from examples.digits_data import digits, measure, train_epoch

trial = tuned.current_trial(defaults={"depth": 2, "width": 32, "lr": 0.01, "epochs": 15, "repeat": 1})
p = trial.params
torch.manual_seed(p["repeat"])

train, validation = digits()
layers, inputs = [], 64
for _ in range(p["depth"]):
    layers += [nn.Linear(inputs, p["width"]), nn.ReLU()]
    inputs = p["width"]
net = nn.Sequential(*layers, nn.Linear(inputs, 10))
optimizer = torch.optim.Adam(net.parameters(), p["lr"])
trial.describe(net)  # reports the number of weights

for epoch in range(p["epochs"]):
    train_epoch(net, optimizer, train)
    train_loss, _ = measure(net, train)
    val_loss, val_accuracy = measure(net, validation)
    trial.report(step=epoch, train_loss=train_loss, val_loss=val_loss, val_accuracy=val_accuracy)
    if trial.should_stop():
        break
