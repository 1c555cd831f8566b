"""Five folds in one process, numbers as libraries print them, and a report every 500 steps."""

import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--shift", type=float, default=0.0)
args = parser.parse_args()

for fold in range(5):
    for epoch in range(4):
        print(f"epoch {epoch} val_acc tensor({0.5 + fold / 100 + args.lr / 10:.4f}, device='cpu')")
print("examples seen: 12,345")
for step in range(500, 2001, 500):
    print(f"step {step} loss np.float64({args.lr + args.shift**2 + 1 / step:.6f})")
