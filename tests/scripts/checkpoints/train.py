"""Saves folders `checkpoint-STEP` in the manner of trainers, each file of them in its turn, and goes on from one."""

import argparse
import json
import os
import time

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, required=True)
parser.add_argument("--output_dir", required=True, help="must be there")
parser.add_argument("--max_steps", type=int, default=12)
parser.add_argument("--resume_from_checkpoint")
parser.add_argument("--wait_for", help="a file that the seventh step waits for, in the middle of its save")
args = parser.parse_args()

step, x = 0, 10.0
if args.resume_from_checkpoint:
    with open(os.path.join(args.resume_from_checkpoint, "weights.json")) as file:
        x = json.load(file)
    with open(os.path.join(args.resume_from_checkpoint, "trainer_state.json")) as file:
        step = json.load(file)["global_step"]
    print("resumed", os.path.basename(args.resume_from_checkpoint))
while step < args.max_steps:
    step += 1
    x *= 1 - args.lr
    print(f"{{'eval_loss': {x * x}, 'step': {step}}}", flush=True)
    folder = os.path.join(args.output_dir, f"checkpoint-{step}")
    os.mkdir(folder)
    with open(os.path.join(folder, "weights.json"), "w") as file:
        json.dump(x, file)
    while args.wait_for and step == 7 and not os.path.exists(args.wait_for):
        time.sleep(0.02)
    with open(os.path.join(folder, "trainer_state.json"), "w") as file:
        json.dump({"global_step": step}, file)
