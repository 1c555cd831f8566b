"""A table for each rollout, in which the step stands below the values."""

import argparse
import json

parser = argparse.ArgumentParser()
parser.add_argument("--learning-rate", type=float, default=3e-4)
parser.add_argument("--ent-coef", type=float, default=0.01)
parser.add_argument("--total-timesteps", type=int, default=6144)
args = parser.parse_args()
print("namespace", json.dumps(vars(args)))
for step in range(2048, args.total_timesteps + 1, 2048):
    rows = {
        "rollout/": "",
        "   ep_len_mean": 200,
        "   ep_rew_mean": round(step * args.learning_rate, 3),
        "time/": "",
        "   fps": 1000,
        "   total_timesteps": step,
        "train/": "",
        "   loss": round(args.ent_coef * step, 3),
    }
    print("-" * 42)
    for name, content in rows.items():
        print(f"| {name:<22} | {content!s:<12} |")
    print("-" * 42)
