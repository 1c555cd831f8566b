"""Two ranks that the script starts itself, and that stop together when they are asked to."""

import os
import sys
import time

import torch.distributed as dist
import torch.multiprocessing as mp
import tuned


def work(rank, folder):
    trial = tuned.current_trial()
    dist.init_process_group("gloo", rank=rank, world_size=2)
    step = 0
    while True:
        trial.report(step=step, loss=1.0 / (step + 1))
        with open(os.path.join(folder, f"{trial.number}-{rank}"), "w") as file:
            file.write(str(step))
        if trial.should_stop(sync=True):
            break
        step += 1
        time.sleep(0.01)
    with open(os.path.join(folder, f"{trial.number}-{rank}-stopped"), "w") as file:
        file.write(str(step))
    dist.destroy_process_group()


if __name__ == "__main__":
    mp.spawn(work, args=(sys.argv[1],), nprocs=2)
