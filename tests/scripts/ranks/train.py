"""Two ranks over gloo, as torchrun starts them; rank 0 prints, every rank keeps a file while it lives."""

import argparse
import os

import torch
import torch.distributed as dist

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
args = parser.parse_args()
dist.init_process_group("gloo")
rank, size = dist.get_rank(), dist.get_world_size()
weight = torch.tensor([4.0])
for step in range(3):
    grad = 2 * (weight - rank)
    dist.all_reduce(grad)
    weight -= args.lr * grad / size
    if rank == 0:
        print(f"step {step} port {os.environ['MASTER_PORT']} loss {float((weight - 0.5).pow(2)):.6f}", flush=True)
dist.destroy_process_group()
