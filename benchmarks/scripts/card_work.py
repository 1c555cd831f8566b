"""A trial of the scripted day: it holds memory of a stand-in card, computes for a while, and saves after each step."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

import tuned
from tests.gpus.workload import GIB, Workload

STEP_S = 0.5

trial = tuned.current_trial()
p = trial.params
saved = pathlib.Path(trial.checkpoint_dir, "step")
first = int(saved.read_text()) + 1 if saved.exists() else 0
steps = int(p["seconds"] / STEP_S)
with Workload(p["gib"] * (0.8 + 0.4 * p["width"]) * GIB, p["busy"], contention=0.04) as used:
    for step in range(first, steps):
        used.step(STEP_S)
        trial.report(step=step, loss=(p["width"] - 0.3) ** 2 + 1 / (1 + step))
        saved.with_suffix(".new").write_text(str(step))
        saved.with_suffix(".new").rename(saved)
        if step + 1 < steps and trial.should_stop():
            raise SystemExit
