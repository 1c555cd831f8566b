"""Writes checkpoint.pt and scores.csv into the folder that it runs in, and goes on from a checkpoint when told to."""

import argparse
import csv
import os
import pickle
import time

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, required=True)
parser.add_argument("--epochs", type=int, default=4)
parser.add_argument("--resume")
parser.add_argument("--wait-for", help="a file that the third epoch waits for")
args = parser.parse_args()

state = {"epoch": 0, "x": 10.0}
if args.resume:
    with open(args.resume, "rb") as file:
        state = pickle.load(file)
    print("resumed at epoch", state["epoch"])
while state["epoch"] < args.epochs:
    while args.wait_for and state["epoch"] == 2 and not os.path.exists(args.wait_for):
        time.sleep(0.02)
    state = {"epoch": state["epoch"] + 1, "x": state["x"] * (1 - args.lr)}
    with open("checkpoint.pt", "wb") as file:
        pickle.dump(state, file)
    new = not os.path.exists("scores.csv")
    with open("scores.csv", "a", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(["epoch", "val_loss", "comment"])
        writer.writerow([state["epoch"], state["x"] ** 2, ""])
