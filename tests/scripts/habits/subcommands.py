"""Subcommands that share options of a parent parser, and lines in the manner of reinforcement learning."""

import argparse
import json

common = argparse.ArgumentParser(add_help=False)
common.add_argument("--seed", type=int, default=1)
parser = argparse.ArgumentParser()
commands = parser.add_subparsers(dest="command", required=True)
train = commands.add_parser("train", parents=[common])
train.add_argument("--learning-rate", type=float, default=3e-4)
train.add_argument("--anneal-lr", action=argparse.BooleanOptionalAction, default=True)
train.add_argument("--total-timesteps", type=int, default=300)
evaluate = commands.add_parser("evaluate", parents=[common])
evaluate.add_argument("--episodes", type=int, default=10)
args = parser.parse_args()
print("namespace", json.dumps(vars(args)))
for step in range(100, args.total_timesteps + 1, 100):
    print(f"global_step={step}, episodic_return={step * args.learning_rate + args.anneal_lr:.6f}")
