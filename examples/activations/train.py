"""Digits with three hidden layers: activations, each at its own best learning rate."""

import sys
from pathlib import Path

import torch
from torch import nn

sys.path.append(str(Path(__file__).resolve().parents[2]))  # the checkout, for examples.digits_data

import tuned
from examples.digits_data import digits, measure, train_epoch

ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}

trial = tuned.current_trial(defaults={"activation": "relu", "lr": 0.01, "epochs": 15, "repeat": 1})
p = trial.params
torch.manual_seed(p["repeat"])  # the same start for every activation and rate

train, validation = digits()
act = ACTIVATIONS[p["activation"]]
net = nn.Sequential(nn.Linear(64, 32), act(), nn.Linear(32, 32), act(), nn.Linear(32, 32), act(), nn.Linear(32, 10))
optimizer = torch.optim.Adam(net.parameters(), p["lr"])
trial.watch(net)  # gradients layer by layer: tunectl advise says when they vanish

for epoch in range(p["epochs"]):
    train_epoch(net, optimizer, train)
    train_loss, _ = measure(net, train)
    val_loss, val_accuracy = measure(net, validation)
    trial.report(step=epoch, train_loss=train_loss, val_loss=val_loss, val_accuracy=val_accuracy)
    if trial.should_stop():
        break
