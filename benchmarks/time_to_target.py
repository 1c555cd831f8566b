"""`python -m benchmarks.time_to_target [--seeds N] [--first-seed N]`: seconds to a target accuracy, early stopping on.

Owns that comparison on digits: our daemon with its rules beside Optuna with its pruners, one trial at a time, the same
network, data and epochs, on the same machine in the same run. The clock begins with the first trial's start, so neither
pays for imports, and ends with the report that reaches the target; our starts of processes count, Optuna trains in one.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.digits_training import digits_epochs
from benchmarks.fresh_daemon import fresh_daemon
from benchmarks.search import FIRST_SEED, _suggested
from benchmarks.search_problems import PROBLEMS
from tuned.client import api
from tuned.core.changes.space import entry_of
from tuned.core.space import Point
from tuned.wire import EventRow

EPOCHS, TRIALS = 27, 40
TARGETS = (0.97, 0.975)
ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Run:
    """One search.

    Attributes:
        reached: For each target the seconds until a trial reported it, and how many trials had begun; infinite when
            none did.
        first: For each trial the seconds from its start to its first report.
    """

    reached: dict[float, tuple[float, int]] = field(default_factory=lambda: dict.fromkeys(TARGETS, (math.inf, TRIALS)))
    first: list[float] = field(default_factory=list)

    def saw(self, accuracy: float, second: float, trials: int) -> None:
        """Take down a report."""
        for target, (before, _) in self.reached.items():
            if accuracy >= target and second < before:
                self.reached[target] = second, trials

    @property
    def done(self) -> bool:
        """Whether the hardest target has been reached."""
        return math.isfinite(self.reached[max(TARGETS)][0])


def ours_with(rule: str) -> Callable[[int], Run]:
    """Our daemon with one of its rules: each trial is a process of its own."""

    def search(seed: int) -> Run:
        return _ours(seed, {"method": rule, "min_step": 1, "max_step": EPOCHS})

    return search


def _ours(seed: int, stopping: dict[str, object]) -> Run:
    name, run = f"digits{seed}", Run()
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
            early_stopping=stopping,
        )
        daemon.until(name, _reached)
        started = {t.number: t.started_at for t in daemon.trials(name) if t.started_at}
        began, first = min(started.values()), dict[int, float]()
        for row in daemon.client.send(api.metrics(name, "accuracy")):
            if row.time and row.number in started:
                first[row.number] = min(first.get(row.number, math.inf), row.time - started[row.number])
                if isinstance(row.value, float):
                    run.saw(row.value, row.time - began, sum(start <= row.time for start in started.values()))
    run.first = list(first.values())
    return run


def _reached(event: EventRow | None) -> bool:
    """Whether the study has reached the hardest target, or has ended."""
    if event is None:
        return False
    if event.type == "study.moved" and event.data["to"] != "running":
        return True
    accuracy = event.data.get("last", {}).get("accuracy") if event.type == "trial.metrics" else None
    return isinstance(accuracy, float) and accuracy >= max(TARGETS)


def optuna_with(pruner: str) -> Callable[[int], Run]:
    """Optuna's TPE with one of its pruners, in one process."""

    def search(seed: int) -> Run:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        study = optuna.create_study(
            sampler=optuna.samplers.TPESampler(seed=seed), pruner=getattr(optuna.pruners, pruner)()
        )
        for _ in digits_epochs(WARMING, 0, 1):
            pass  # torch and its optimisers are imported before the clock begins
        run, began = Run(), time.monotonic()
        for number in range(1, TRIALS + 1):
            started = time.monotonic()
            trial = study.ask()
            point = _suggested(trial, PROBLEMS["digits"].space)
            state, loss = optuna.trial.TrialState.COMPLETE, math.inf
            for epoch, (loss, accuracy) in enumerate(digits_epochs(point, number, EPOCHS), 1):
                now = time.monotonic()
                if epoch == 1:
                    run.first.append(now - started)
                run.saw(accuracy, now - began, number)
                if run.done:
                    return run
                trial.report(loss, epoch)
                if trial.should_prune():
                    state = optuna.trial.TrialState.PRUNED
                    break
            study.tell(trial, None if state is optuna.trial.TrialState.PRUNED else loss, state=state)
        return run

    return search


WARMING: Point = {"optimizer": "adam", "lr": 1e-3, "width": 16, "activation": "relu", "batch": 64, "l2": 0.0}
SEARCHERS: dict[str, Callable[[int], Run]] = {
    "tuned, ASHA": ours_with("asha"),
    "tuned, median rule": ours_with("median"),
    "Optuna TPE, median pruner": optuna_with("MedianPruner"),
    "Optuna TPE, successive halving": optuna_with("SuccessiveHalvingPruner"),
}


def rows(seeds: range) -> Iterator[str]:
    """A line of the table for each searcher, as soon as it is measured."""
    for label, search in SEARCHERS.items():
        runs = []
        for seed in seeds:
            try:
                runs.append(search(seed))
            except ImportError as error:
                sys.stderr.write(f"{label}: {error}\n")
                break
        if runs:
            cells = [_cell([run.reached[target] for run in runs]) for target in TARGETS]
            first = [1000 * second for run in runs for second in run.first]
            yield f"| {label} | {' | '.join(cells)} | {median(first):.0f} |"


def _cell(found: list[tuple[float, int]]) -> str:
    """Seconds, median and range; trials begun, median; how many searches never reached it."""
    seconds = sorted(second for second, _ in found)
    never = sum(math.isinf(second) for second in seconds)
    text = f"{median(seconds):.1f} ({seconds[0]:.1f}-{seconds[-1]:.1f}), {median(n for _, n in found):.0f} trials"
    text = text.replace("inf", "never")
    return f"{text}, {never} of {len(found)} never" if never else text


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED, help="the next ones follow it")
    given = parser.parse_args()
    heads = " | ".join(f"seconds to {target}, median (range)" for target in TARGETS)
    print(f"| digits, {EPOCHS} epochs at most | {heads} | start to first report, median ms |")
    print(f"|---|{'---|' * len(TARGETS)}---|")
    for line in rows(range(given.first_seed, given.first_seed + given.seeds)):
        print(line, flush=True)


if __name__ == "__main__":
    main()
