"""A trial of `gpu_check` that opens a CUDA context while it is imported: it must not be forked from that."""

import torch

import tuned

HERE = torch.zeros(1, device="cuda")

if __name__ == "__main__":
    tuned.current_trial().report(loss=float(HERE.sum().item()) + tuned.current_trial().params["x"])
