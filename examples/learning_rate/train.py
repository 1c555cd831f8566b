"""Digits with a small net: the learning rate, and how it changes over the run."""

import sys
from pathlib import Path

import torch
from torch import nn

sys.path.append(str(Path(__file__).resolve().parents[2]))  # the checkout, for examples.digits_data

import tuned
from examples.digits_data import digits, measure, train_epoch
from tuned.torch import schedule

trial = tuned.current_trial(defaults={"schedule": "warmup_cosine", "lr": 0.3, "epochs": 15, "repeat": 1})
p = trial.params
torch.manual_seed(p["repeat"])  # the same start for every rate and schedule

train, validation = digits()
net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
optimizer = torch.optim.SGD(net.parameters(), p["lr"], momentum=0.9)
batch = 64
steps = p["epochs"] * -(-len(train[1]) // batch)
rates = schedule(optimizer, p, total_steps=steps)

for epoch in range(p["epochs"]):
    train_epoch(net, optimizer, train, batch, after_step=rates.step)
    train_loss, _ = measure(net, train)
    val_loss, val_accuracy = measure(net, validation)
    trial.report(step=epoch, train_loss=train_loss, val_loss=val_loss, val_accuracy=val_accuracy)
    if trial.should_stop():
        break
