"""Switches that resume or only sample, and steps that print both of their losses."""

import argparse
import json
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--work-dir", "-o", type=str, default="out", help="output working directory")
parser.add_argument("--resume", action="store_true", help="resume optimization from the model in the work dir")
parser.add_argument("--sample-only", action="store_true", help="just sample from the model and quit, don't train")
parser.add_argument("--max-steps", type=int, default=3, help="number of steps to run for, or -1 for infinite")
parser.add_argument("--n-layer", type=int, default=4, help="number of layers")
parser.add_argument("--learning-rate", "-l", type=float, default=5e-4, help="learning rate")
parser.add_argument("--weight-decay", "-w", type=float, default=0.01, help="weight decay")
args = parser.parse_args()
print("namespace", json.dumps({**vars(args), "work_dir": ""}))
assert not args.resume and not args.sample_only
Path(args.work_dir).mkdir(parents=True, exist_ok=True)
for step in range(args.max_steps):
    train_loss = 3.29 / (step + 1) + args.learning_rate * args.n_layer
    test_loss = train_loss + args.weight_decay
    print(f"step {step} train loss {train_loss:.6f} test loss {test_loss:.6f}")
    Path(args.work_dir, "model.pt").write_text(str(test_loss))
