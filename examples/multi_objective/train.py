"""Digits: how right, and how fast? Two objectives that pull in different directions."""

import sys
from pathlib import Path

import torch
from torch import nn

sys.path.append(str(Path(__file__).resolve().parents[2]))  # the checkout, for examples.digits_data

import tuned
from examples.digits_data import digits, measure, train_epoch

trial = tuned.current_trial(defaults={"depth": 1, "width": 32, "epochs": 15, "repeat": 1})
p = trial.params
torch.manual_seed(p["repeat"])

train, validation = digits()
layers, inputs = [], 64
for _ in range(p["depth"]):
    layers += [nn.Linear(inputs, p["width"]), nn.ReLU()]
    inputs = p["width"]
net = nn.Sequential(*layers, nn.Linear(inputs, 10))
optimizer = torch.optim.Adam(net.parameters(), 0.005)

for epoch in range(p["epochs"]):
    train_epoch(net, optimizer, train)
    val_loss, val_accuracy = measure(net, validation)
    trial.report(step=epoch, val_loss=val_loss, val_accuracy=val_accuracy)
    if trial.should_stop():
        break
trial.describe(net, validation[0])  # reports latency_ms, of reading the 360 validation images at once
