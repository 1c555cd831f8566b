"""Digits with a small net: the batch size, each with a learning rate of its own, over equally many epochs."""

import sys
from pathlib import Path

import torch
from torch import nn

sys.path.append(str(Path(__file__).resolve().parents[2]))  # the checkout, for examples.digits_data

import tuned
from examples.digits_data import digits, measure, train_epoch

trial = tuned.current_trial(defaults={"batch": 32, "lr": 0.1, "epochs": 15, "repeat": 1})
p = trial.params
torch.manual_seed(p["repeat"])  # the same start for every batch size and rate

train, validation = digits()
net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
optimizer = torch.optim.SGD(net.parameters(), p["lr"], momentum=0.9)

for epoch in range(p["epochs"]):
    train_epoch(net, optimizer, train, p["batch"])
    train_loss, _ = measure(net, train)
    val_loss, val_accuracy = measure(net, validation)
    trial.report(step=epoch, train_loss=train_loss, val_loss=val_loss, val_accuracy=val_accuracy)
    if trial.should_stop():
        break
