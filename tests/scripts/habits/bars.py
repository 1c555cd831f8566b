"""A backend that is chosen above the imports, and epochs in a bar that overwrites itself."""

import os

os.environ["KERAS_BACKEND"] = "torch"

import argparse
import json
import sys

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=1e-3)
parser.add_argument("--units", type=int, default=64)
parser.add_argument("--epochs", type=int, default=3)
args = parser.parse_args()
print("namespace", json.dumps({**vars(args), "backend": os.environ["KERAS_BACKEND"]}))
for epoch in range(args.epochs):
    print(f"Epoch {epoch + 1}/{args.epochs}")
    for batch in range(1, 4):
        loss = args.lr * args.units / (epoch + 1) + batch
        sys.stdout.write(f"\r\x1b[1m{batch}/3\x1b[0m \x1b[32m{'━' * batch}\x1b[0m 2ms/step - loss: {loss:.4f}")
    val_loss = loss + 1 / args.units
    sys.stdout.write(f"\r\x1b[1m3/3\x1b[0m \x1b[32m━━━\x1b[0m 2ms/step - loss: {loss:.4f} - val_loss: {val_loss:.4f}\n")
