"""Digits 5 to 9 from 20 images a digit: from scratch, or from a net that has learned to read 0 to 4?

The same script trains both: `digits` says which half of the digits it reads, `init_from` where it begins.
"""

import sys
from pathlib import Path

import torch
from torch import nn

sys.path.append(str(Path(__file__).resolve().parents[2]))  # the checkout, for examples.digits_data

import tuned
from examples.digits_data import digits, measure, train_epoch

trial = tuned.current_trial(
    defaults={"digits": "5-9", "per_digit": 20, "init_from": "none", "lr": 0.01, "epochs": 40, "repeat": 1}
)
p = trial.params
torch.manual_seed(p["repeat"])  # which images are taken, and the start of the net


def half(data):
    """The images of five digits, named 0 to 4 within their half."""
    first = int(p["digits"][0])
    x, y = data
    rows = (y >= first) & (y < first + 5)
    return x[rows], y[rows] - first


(x, y), validation = map(half, digits())
order = torch.randperm(len(y))
chosen = torch.cat([order[y[order] == digit][: p["per_digit"]] for digit in range(5)])
train = x[chosen], y[chosen]

body = nn.Sequential(nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Conv2d(16, 16, 3), nn.ReLU())
head = nn.Sequential(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 5))
net = nn.Sequential(body, head)
if p["init_from"] != "none":  # the daemon puts the checkpoint's path in the place of the study's name
    body.load_state_dict(torch.load(p["init_from"]))
optimizer = torch.optim.Adam(net.parameters(), p["lr"])

for epoch in range(p["epochs"]):
    train_epoch(net, optimizer, train, batch=25)
    train_loss, _ = measure(net, train)
    val_loss, val_accuracy = measure(net, validation)
    trial.report(step=epoch, train_loss=train_loss, val_loss=val_loss, val_accuracy=val_accuracy)
    if trial.should_stop():
        break
torch.save(body.state_dict(), Path(trial.checkpoint_dir, "body.pt"))
