"""Saves ckpt.pt in its folder in two writes, and answers a signal with a save that it does not finish."""

import argparse
import os
import pickle
import signal
import sys
import time

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, required=True)
parser.add_argument("--out_dir", required=True)
parser.add_argument("--init_from", default="scratch", choices=["scratch", "resume"])
parser.add_argument("--folder", required=True, help="where it says how far it is, and waits for `go`")
args = parser.parse_args()
path = os.path.join(args.out_dir, "ckpt.pt")


def tear(number, frame):
    open(path, "wb").close()
    sys.exit(1)


def say(word):
    open(os.path.join(args.folder, word), "w").close()


signal.signal(signal.SIGTERM, tear)
step, x = 0, 10.0
if args.init_from == "resume":
    with open(path, "rb") as file:
        step, x = pickle.load(file)
    print("resumed at step", step, flush=True)
    say("again")
while True:
    while step == 3:
        time.sleep(0.02)
    step, x = step + 1, x * (1 - args.lr)
    print(f"step {step}: val loss {x}", flush=True)
    data = pickle.dumps((step, x))
    with open(path, "wb") as file:
        file.write(data[:5])
        file.flush()
        if step == 3:
            say("saving")
        while step == 3 and not os.path.exists(os.path.join(args.folder, "go")):
            time.sleep(0.02)
        file.write(data[5:])
