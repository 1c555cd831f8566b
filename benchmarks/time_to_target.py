"""`python -m benchmarks.time_to_target [--seeds N]`: seconds to a target accuracy on digits with early stopping.

Owns that comparison: our daemon with ASHA beside Optuna with its pruners, one trial at a time, the same network, data
and epochs, on the same machine in the same run. The clock begins with the first trial's start, so neither pays for
imports, and ends with the report that reaches the target; our starts of processes count, Optuna trains in one.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from benchmarks.digits_training import digits_epochs
from benchmarks.fresh_daemon import fresh_daemon
from benchmarks.search import _suggested
from benchmarks.search_problems import PROBLEMS
from tuned.client import api
from tuned.core.space import Point
from tuned.core.space_edit import entry_of
from tuned.wire import EventRow

EPOCHS, TRIALS, TARGET = 27, 40, 0.97
ROOT = Path(__file__).resolve().parent.parent


def ours(seed: int) -> tuple[float, int]:
    """Seconds until a trial reports the target, and how many trials had begun; infinite when none does."""
    name = f"digits{seed}"
    with fresh_daemon(slots=1) as daemon:
        daemon.submit(
            name,
            {
                "script": "digits_epochs.py",
                "args": [str(EPOCHS)],
                "env": {"PYTHONPATH": str(ROOT)},
                # Otherwise the first two trials, from which this is learned, would import them.
                "preload": ["torch", "torch._dynamo", "sklearn.datasets"],
            },
            objective={"metric": "val_loss", "direction": "minimize"},
            space={p.name: entry_of(p) for p in PROBLEMS["digits"].space.parameters},
            search={"trials": TRIALS, "seed": seed},
            early_stopping={"method": "asha", "min_step": 1, "max_step": EPOCHS},
        )
        daemon.until(name, _reached)
        began = min(t.started_at for t in daemon.trials(name) if t.started_at)
        seen = [
            (row.time - began, row.number)
            for row in daemon.client.send(api.metrics(name, "accuracy"))
            if isinstance(row.value, float) and row.value >= TARGET and row.time
        ]
    return min(seen) if seen else (math.inf, TRIALS)


def _reached(event: EventRow | None) -> bool:
    """Whether the study has reached the target, or has ended."""
    if event is None:
        return False
    if event.type == "study.moved" and event.data["to"] != "running":
        return True
    accuracy = event.data.get("last", {}).get("accuracy") if event.type == "trial.metrics" else None
    return isinstance(accuracy, float) and accuracy >= TARGET


def optuna_with(pruner: str) -> Callable[[int], tuple[float, int]]:
    """Optuna's TPE with one of its pruners."""

    def search(seed: int) -> tuple[float, int]:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        study = optuna.create_study(
            sampler=optuna.samplers.TPESampler(seed=seed), pruner=getattr(optuna.pruners, pruner)()
        )
        for _ in digits_epochs(WARMING, 0, 1):
            pass  # torch and its optimisers are imported before the clock begins
        began = time.monotonic()
        for number in range(1, TRIALS + 1):
            trial = study.ask()
            point = _suggested(trial, PROBLEMS["digits"].space)
            state, loss = optuna.trial.TrialState.COMPLETE, math.inf
            for epoch, (loss, accuracy) in enumerate(digits_epochs(point, number, EPOCHS), 1):
                if accuracy >= TARGET:
                    return time.monotonic() - began, number
                trial.report(loss, epoch)
                if trial.should_prune():
                    state = optuna.trial.TrialState.PRUNED
                    break
            study.tell(trial, None if state is optuna.trial.TrialState.PRUNED else loss, state=state)
        return math.inf, TRIALS

    return search


WARMING: Point = {"optimizer": "adam", "lr": 1e-3, "width": 16, "activation": "relu", "batch": 64, "l2": 0.0}
SEARCHERS: dict[str, Callable[[int], tuple[float, int]]] = {
    "tuned, ASHA": ours,
    "Optuna TPE, median pruner": optuna_with("MedianPruner"),
    "Optuna TPE, successive halving": optuna_with("SuccessiveHalvingPruner"),
}


def rows(seeds: int) -> Iterator[str]:
    """A line of the table for each searcher, as soon as it is measured."""
    for label, search in SEARCHERS.items():
        found = []
        for seed in range(seeds):
            try:
                found.append(search(seed))
            except ImportError as error:
                sys.stderr.write(f"{label}: {error}\n")
                break
        if found:
            seconds = sorted(second for second, _ in found)
            trials = median(number for _, number in found)
            spread = f"{seconds[0]:.1f}-{seconds[-1]:.1f}"
            yield f"| {label} | {median(seconds):.1f} ({spread}) | {trials:.0f} |"


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    print(f"| accuracy {TARGET} on digits, {EPOCHS} epochs at most | seconds, median (range) | trials begun |")
    print("|---|---|---|")
    for line in rows(given.seeds):
        print(line, flush=True)


if __name__ == "__main__":
    main()
