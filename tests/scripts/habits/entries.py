"""An option for each entry of a dictionary, with its default's type, which for a bool holds every text for true."""

import argparse
import json


def defaults():
    return dict(lr=1e-3, num_channels=32, use_norm=True)


parser = argparse.ArgumentParser()
for name, value in defaults().items():
    parser.add_argument(f"--{name}", default=value, type=type(value))
args = parser.parse_args()
print("namespace", json.dumps(vars(args)))
for step in range(3):
    print(f"step {step} val_loss {args.lr * args.num_channels / (step + 1) + args.use_norm:.6f}")
