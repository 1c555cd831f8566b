"""Digits from fewer images: what would more data bring? Every size trains for equally many steps."""

import sys
from pathlib import Path

import torch
from torch import nn

sys.path.append(str(Path(__file__).resolve().parents[2]))  # the checkout, for examples.digits_data

import tuned
from examples.digits_data import digits, measure, train_epoch

trial = tuned.current_trial(defaults={"train_size": 400, "l2": 0.01, "steps": 300, "repeat": 1})
p = trial.params
torch.manual_seed(p["repeat"])  # which images are taken, and the start of the net

(x, y), validation = digits()
chosen = torch.randperm(len(y))[: p["train_size"]]
train = x[chosen], y[chosen]
net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.AdamW(net.parameters(), 0.005, weight_decay=p["l2"])

done = 0
while done < p["steps"]:
    train_epoch(net, optimizer, train)
    done += -(-len(chosen) // 64)
    train_loss, _ = measure(net, train)
    val_loss, val_accuracy = measure(net, validation)
    trial.report(step=done, train_loss=train_loss, val_loss=val_loss, val_accuracy=val_accuracy)
    if trial.should_stop():
        break
