"""Fifty Adam steps on a small net: a whole, short torch trial. Runs alone, too."""

import time

BEGAN = time.time()

import torch  # noqa: E402
from torch import nn  # noqa: E402

torch.set_num_threads(1)
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.Adam(net.parameters(), 1e-3)
x, y = torch.randn(64, 64), torch.randint(10, (64,))
loss = torch.zeros(())
for _ in range(50):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(net(x), y)
    loss.backward()
    optimizer.step()

import tuned  # noqa: E402

tuned.current_trial().report(step=0, value=loss.item(), began=BEGAN)
