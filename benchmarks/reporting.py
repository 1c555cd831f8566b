"""What `report()` and `should_stop()` cost the training loop.

Owns the figure `report`. It runs in a process of its own that looks like a trial's: the SDK is fully on, the daemon is
not needed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from statistics import median

from benchmarks.figure import Figure, spread
from benchmarks.fresh_daemon import state_folder
from tuned import protocol

CALLS, ROUNDS = 20_000, 7

LOOP = f"""
import time, tuned
trial = tuned.current_trial()
for _ in range({ROUNDS}):
    began = time.perf_counter()
    for step in range({CALLS}):
        trial.report(step=step, train_loss=0.25, val_loss=0.5)
        trial.should_stop()
    print((time.perf_counter() - began) / {CALLS} * 1e6)
"""


def report() -> Figure:
    """Microseconds of one `report` of two metrics and one `should_stop`, file included."""
    with state_folder() as folder:
        done = subprocess.run(
            [sys.executable, "-c", LOOP], env=trial_environment(folder), capture_output=True, text=True, check=True
        )
    taken = [float(line) for line in done.stdout.split()]
    how = f"{CALLS:,} calls of both, {ROUNDS} times, to a file on this disk; range {spread(taken)} us"
    return Figure("report + should_stop", f"{median(taken):.1f} us", "<= 20 us", median(taken) <= 20, how)


def trial_environment(folder: Path) -> dict[str, str]:
    """The environment of a trial whose run directory is `folder`."""
    spec = {
        "attempt_id": "0" * 32,
        "study": "report",
        "number": 1,
        "attempt": 1,
        "seed": 0,
        "stage": "search",
        "device": "cpu:0",
        "checkpoint_dir": str(folder / protocol.CHECKPOINT_DIR),
        "params": {},
        "resumed": False,
    }
    return {**os.environ, **protocol.trial_environment(spec, str(folder))}
