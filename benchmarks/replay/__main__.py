"""`python -m benchmarks.replay [--published FOLDER]`: searches that replay tables of real trainings, ours and others'.

Owns the list of searchers and the tables that are printed. All of one table share its trainings; what differs is which
points are tried and which are stopped. A searcher's score is the log10 of the share of the table's points that are
truly better than its best whole trial, lower is better.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import mean

from benchmarks.interval import interval
from benchmarks.replay.policies import Optunas, Ours
from benchmarks.replay.simulation import Policy, Run, replay
from benchmarks.replay.tables import Table, tables
from tuned.core.study import EarlyStopping

FIRST_SEED = 20
"""Seeds from here on are for the tables in docs/search.md; what is tried out runs on 100 and above."""
Maker = Callable[[Table, int, int], Policy]


def _stopped(method: str, points: str = "random", **more: float) -> Maker:
    def made(table: Table, seed: int, trials: int) -> Policy:
        rule = EarlyStopping(method, max_step=table.epochs, rescue=0.0, **more)  # type: ignore[arg-type]
        return Ours(table, seed, trials, points, rule)

    return made


def _points(method: str, lag: int = 0) -> Maker:
    return lambda table, seed, trials: Ours(table, seed, trials, method, lag=lag)


def _optuna(sampler: str, pruner: str = "NopPruner") -> Maker:
    def made(table: Table, seed: int, trials: int) -> Policy:
        del trials
        import optuna

        return Optunas(table, getattr(optuna.samplers, sampler)(seed=seed), getattr(optuna.pruners, pruner)())

    return made


STOPPING: dict[str, Maker] = {
    "no early stopping": _points("random"),
    "ASHA from epoch 1": _stopped("asha"),
    "ASHA from epoch 3": _stopped("asha", min_step=3),
    "median rule": _stopped("median"),
    "i-Epoch 1, keep 5": _stopped("i-epoch", keep=5),
    "i-Epoch 3, keep 5": _stopped("i-epoch", min_step=3, keep=5),
    "i-Epoch 5, keep 5": _stopped("i-epoch", min_step=5, keep=5),
    "Optuna, median pruner": _optuna("RandomSampler", "MedianPruner"),
    "Optuna, successive halving": _optuna("RandomSampler", "SuccessiveHalvingPruner"),
    "Optuna, Hyperband": _optuna("RandomSampler", "HyperbandPruner"),
}
"""All over random points: what is compared is whom they stop. Ours can resume a trial, Optuna's cannot."""
CHOOSING: dict[str, Maker] = {
    "tuned auto": _points("auto"),
    "Optuna GP": _optuna("GPSampler"),
    "Optuna TPE": _optuna("TPESampler"),
    "random": _points("random"),
}
"""All without early stopping: what is compared is which points they try."""


def _wrong(table: Table, run: Run) -> float:
    """Share of the truly best tenth among the points tried that was stopped for good."""
    best = sorted(run.trials, key=lambda trial: table.truth[trial.place])[: max(1, len(run.trials) // 10)]
    return sum(trial.state != "completed" for trial in best) / len(best)


def rows(table: Table, makers: dict[str, Maker], seeds: Iterable[int], trials: int) -> Iterable[str]:
    """A line of the table for each searcher, as soon as it is measured."""
    for label, maker in makers.items():
        runs: list[Run] = []
        for seed in seeds:
            try:
                runs.append(replay(table, maker(table, seed, trials), trials))
            except ImportError as error:
                sys.stderr.write(f"{label}: {error}\n")
                break
        if runs:
            score = interval([min((s for _, _, s in run.trace), default=0.0) for run in runs], 2)
            wrong = mean(_wrong(table, run) for run in runs)
            cpu = mean(run.cpu_s for run in runs) / trials
            epochs = mean(run.epochs for run in runs)
            yield f"| {table.name} | {label} | {score} | {epochs:.0f} | {wrong:.0%} | {cpu:.3f} |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--published", type=Path, help="folder of published tables: end results, no curves")
    parser.add_argument("--held-out", action="store_true", help="the tasks that nothing is developed on")
    parser.add_argument("--choosing", action="store_true", help="compare which points are tried, on our own tables")
    parser.add_argument("--only", nargs="*", help="names of searchers")
    parser.add_argument("--tables", nargs="*", help="names of tables")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--trials", type=int, default=50)
    given = parser.parse_args()
    makers = CHOOSING if given.published or given.choosing else STOPPING
    makers = {label: maker for label, maker in makers.items() if not given.only or label in given.only}
    heads = "log10 share better | epochs | best tenth stopped | CPU s per point"
    print(f"| table ({given.trials} trials) | searcher | {heads} |\n|---|---|---|---|---|---|")
    for table in tables(given.published, given.held_out):
        if given.tables and table.name not in given.tables:
            continue
        for line in rows(table, makers, range(given.first_seed, given.first_seed + given.seeds), given.trials):
            print(line, flush=True)


if __name__ == "__main__":
    main()
