"""Digits by nets of different kinds: linear, fully connected, convolutional, recurrent over the eight rows."""

import sys
from pathlib import Path

import torch
from torch import nn

sys.path.append(str(Path(__file__).resolve().parents[2]))  # the checkout, for examples.digits_data

import tuned
from examples.digits_data import digits, measure, train_epoch


class RowReader(nn.Module):
    """Reads an image row by row from the top, and decides after the last."""

    def __init__(self):
        super().__init__()
        self.rows = nn.GRU(input_size=8, hidden_size=48, batch_first=True)
        self.decide = nn.Linear(48, 10)

    def forward(self, x):
        """(images, 64) -> (images, 10) scores."""
        _, last = self.rows(x.view(-1, 8, 8))
        return self.decide(last[0])


NETS = {
    "linear": lambda: nn.Linear(64, 10),
    "mlp": lambda: nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10)),
    "cnn": lambda: nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Conv2d(16, 32, 3), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, 10),
    ),
    "rnn": RowReader,
}  # fmt: skip

trial = tuned.current_trial(defaults={"net": "cnn", "lr": 0.01, "epochs": 12, "repeat": 1})
p = trial.params
torch.manual_seed(p["repeat"])

train, validation = digits()
net = NETS[p["net"]]()
optimizer = torch.optim.Adam(net.parameters(), p["lr"])
trial.describe(net)  # reports the number of weights

for epoch in range(p["epochs"]):
    train_epoch(net, optimizer, train)
    train_loss, _ = measure(net, train)
    val_loss, val_accuracy = measure(net, validation)
    trial.report(step=epoch, train_loss=train_loss, val_loss=val_loss, val_accuracy=val_accuracy)
    if trial.should_stop():
        break
