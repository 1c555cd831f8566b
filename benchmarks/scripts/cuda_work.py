"""A trial of `gpu_check`: it holds memory of a card and computes for a part of the time; saves after each step.

With CUDA in this Python it is the real thing; else, where a stand-in for the driver is named, `Workload`.
"""

import os
import pathlib
import sys
import time

import tuned

STEP_S = 0.25


def card(gib, busy, products):
    """A context; what is returned does the work of one step, however long that takes beside others."""
    if os.environ.get("STANDIN_GPUS"):
        sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
        from tests.gpus.workload import GIB, Workload

        used = Workload(gib * GIB, busy)
        used.__enter__()
        return lambda: used.step(STEP_S)
    import torch

    held = torch.empty(int(gib * 2**30), dtype=torch.uint8, device="cuda")
    matrix = torch.randn(4096, 4096, device="cuda")

    def step():
        for _ in range(products):
            (matrix @ matrix).sum().item()
        held[:1].fill_(1)
        time.sleep(STEP_S * (1 - busy / 100))

    return step


trial = tuned.current_trial()
p = trial.params
saved = pathlib.Path(trial.checkpoint_dir, "step")
first = int(saved.read_text()) + 1 if saved.exists() else 0
if first:
    print(f"goes on at step {first}")
step_of = card(p["gib"], int(p["busy"]), int(p["products"]))
for step in range(first, int(p["seconds"] / STEP_S)):
    step_of()
    trial.report(step=step, loss=(p["x"] - 0.3) ** 2 - 0.01 * p["gib"] + 1 / (1 + step))
    saved.write_text(str(step))
    if trial.should_stop():
        raise SystemExit
