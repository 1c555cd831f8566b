"""Rounds of boosting: a line for each part of the data, and none for the held-out part at first."""

import argparse
import json

parser = argparse.ArgumentParser()
parser.add_argument("--eta", type=float, default=0.3)
parser.add_argument("--num-boost-round", type=int, default=15)
args = parser.parse_args()
print("namespace", json.dumps(vars(args)))
for number in range(args.num_boost_round):
    print(f"round {number} train logloss: {(1 - args.eta) ** number:.5f}")
    if number >= 2:
        print(f"round {number} valid logloss: {(1 - args.eta) ** number + args.eta / 10:.5f}")
