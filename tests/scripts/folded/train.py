"""A script that knows nothing of tuned: one fold a run, its result on standard output."""

import sys

x, fold = float(sys.argv[1]), int(sys.argv[3]) if len(sys.argv) > 2 else 0
for epoch in range(2):
    print(f"epoch {epoch} loss {(x - 2) ** 2 + fold / 10 - epoch / 100:.4f}")
