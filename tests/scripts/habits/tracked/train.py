"""All results go to a tracker, a module beside the script, which prints them at the end."""

import argparse
import json

import wandb

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.01)
parser.add_argument("--batch-size", type=int, default=32)
args = parser.parse_args()
print("namespace", json.dumps(vars(args)))
wandb.init(project="demo", config=vars(args))
for epoch in range(3):
    wandb.log({"epoch": epoch, "val/loss": args.lr / (epoch + 1) + 1 / args.batch_size, "lr": args.lr})
wandb.finish()
