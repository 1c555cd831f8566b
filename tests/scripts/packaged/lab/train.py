"""Run as `python -m lab.train`: its imports are relative, and its workers are spawned."""

import multiprocessing
import os
import sys

from . import model
from .options import parser


def work(x):
    return model.loss(x)


if __name__ == "__main__":
    args = parser().parse_args()
    print("argv", os.path.relpath(sys.argv[0]), sys.argv[1:])
    print("names", __name__, __package__, __spec__.name, os.path.relpath(__file__), os.path.relpath(sys.path[0]))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        value = pool.apply(work, (args.x,))
    print(f"epoch 1 val_loss: {value if args.square else abs(args.x - 1):.6f}")
