"""`python -m benchmarks.search [PROBLEM...] [--seeds N] [--first-seed N]`: our choice of points beside that of others.

Owns the searchers and the score, which is Ax's: 100 x (value - baseline) / (optimum - baseline), where the baseline is
the best of five quasi-random points, over 50 repeats. Trials run one at a time, in this process, all searchers in the
same run: what is measured is the choice of points alone. Optuna is measured where it can be imported
(requirements-peers.txt).
"""

from __future__ import annotations

import argparse
import atexit
import heapq
import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.interval import interval
from benchmarks.search_path import Scheduled, uneven
from benchmarks.search_problems import PROBLEMS, Problem, noisy, shifted
from tuned.core.search.design import design_point
from tuned.core.space import Parameter, Point, SearchSpace
from tuned.core.study import SearchSpec

REPEATS = 50
FIRST_SEED = 20
"""Seeds from here on are kept for this table: nothing is tried out or tuned on them (use 100 and above for that)."""


@dataclass(frozen=True)
class Run:
    """One search: the best value it found, and the processor time that choosing the points took."""

    best: float
    cpu_s: float


Searcher = Callable[[Problem, int], Run]


def sobol_twice(problem: Problem, seed: int) -> Run:
    """Quasi-random points, twice as many."""
    return _design(problem, seed, 2 * problem.trials, "sobol")


def random_points(problem: Problem, seed: int) -> Run:
    """Independent points."""
    return _design(problem, seed, problem.trials, "random")


def _design(problem: Problem, seed: int, trials: int, method: Any) -> Run:
    began = time.process_time()
    points = [design_point(problem.space, seed, i, method) for i in range(trials)]
    cpu = time.process_time() - began
    return Run(min(problem.value(point, i) for i, point in enumerate(points)), cpu)


@cache
def _scheduled() -> Scheduled:
    made = Scheduled()
    atexit.register(made.close)
    return made


def ours(slots: int = 1, lag: int = 0) -> Searcher:
    """What `method = "auto"` does, by the daemon's own scheduler; trials are long beside a suggestion.

    Args:
        slots: Trials at once.
        lag: With one slot, the latest results that a point is chosen without.
    """

    def search(problem: Problem, seed: int) -> Run:
        late = lag if slots == 1 else None
        how = SearchSpec("auto", problem.trials, parallel=slots, seed=seed, lag=late)
        found, cpu_s = _scheduled().search(problem.space, how, slots, lambda point, i: problem.value(point, i - 1))
        return Run(min(value for value, _ in found), cpu_s)

    return search


def _numbers(problem: Problem) -> tuple[Parameter, ...]:
    """The parameters of a space of numbers alone.

    Raises:
        NotImplementedError: There are others.
    """
    if any(p.kind not in ("float", "int") for p in problem.space.parameters):
        raise NotImplementedError("spaces of numbers alone")
    return problem.space.parameters


def ax_client(slots: int = 1) -> Searcher:
    """Ax's own client with its defaults; spaces of numbers alone.

    Several trials at once end unevenly, as ours do. Where the client wants more results first, slots stay free.
    """

    def search(problem: Problem, seed: int) -> Run:
        from ax.exceptions.core import DataRequiredError

        client, best, cpu, now, made = _client(problem, seed), math.inf, 0.0, 0.0, 0
        running: list[tuple[float, int, float]] = []
        while made < problem.trials or running:
            while len(running) < slots and made < problem.trials:
                began = time.process_time()
                try:
                    ((index, point),) = client.get_next_trials(1).items()
                except DataRequiredError:
                    break
                cpu += time.process_time() - began
                value = problem.value(dict(point), made)
                made += 1
                heapq.heappush(running, (now + uneven(seed, made), index, value))
            now, index, value = heapq.heappop(running)
            best = min(best, value)
            client.complete_trial(index, {"loss": value})
        return Run(best, cpu)

    return search


def _client(problem: Problem, seed: int) -> Any:
    import logging
    import warnings

    from ax.api.client import Client
    from ax.api.configs import RangeParameterConfig
    from ax.utils.common.logger import set_ax_logger_levels

    set_ax_logger_levels(logging.ERROR)
    warnings.simplefilter("ignore")
    client = Client(random_seed=seed)
    client.configure_experiment(
        parameters=[
            RangeParameterConfig(
                name=p.name,
                bounds=(p.low, p.high),
                parameter_type="int" if p.kind == "int" else "float",
                scaling="log" if p.log else None,
            )
            for p in _numbers(problem)
        ]
    )
    client.configure_optimization("-loss")
    return client


def optuna_with(sampler: str) -> Searcher:
    """Optuna with one of its samplers."""

    def search(problem: Problem, seed: int) -> Run:
        import warnings

        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        warnings.simplefilter("ignore")
        study = optuna.create_study(sampler=getattr(optuna.samplers, sampler)(seed=seed))
        cpu, best = 0.0, math.inf
        for i in range(problem.trials):
            began = time.process_time()
            trial = study.ask()
            point = _suggested(trial, problem.space)
            cpu += time.process_time() - began
            value = problem.value(point, i)
            best = min(best, value)
            began = time.process_time()
            study.tell(trial, value)
            cpu += time.process_time() - began
        return Run(best, cpu)

    return search


def _suggested(trial: Any, space: SearchSpace) -> Point:
    point: Point = {}
    for p in space.parameters:
        if not p.is_active(point):
            continue
        if p.kind == "float":
            point[p.name] = trial.suggest_float(p.name, p.low, p.high, log=p.log)
        elif p.kind == "int":
            point[p.name] = trial.suggest_int(p.name, p.low, p.high, log=p.log)
        else:
            point[p.name] = trial.suggest_categorical(p.name, list(p.values))
    return space.check(point)


SEARCHERS: dict[str, Searcher] = {
    "tuned auto": ours(),
    "tuned auto, lag 1": ours(lag=1),
    "tuned auto, 2 slots": ours(2),
    "tuned auto, 4 slots": ours(4),
    "tuned auto, 8 slots": ours(8),
    "Ax": ax_client(),
    "Ax, 2 slots": ax_client(2),
    "Ax, 4 slots": ax_client(4),
    "Ax, 8 slots": ax_client(8),
    "Optuna GP": optuna_with("GPSampler"),
    "Optuna TPE": optuna_with("TPESampler"),
    "random": random_points,
    "Sobol, twice the trials": sobol_twice,
}


def baseline(problem: Problem) -> float:
    """The best of five quasi-random points, on average; the first of a design is none of them."""
    repeats = REPEATS if problem.name != "digits" else 10
    return mean(
        min(problem.value(design_point(problem.space, 1_000 + r, i), i) for i in range(1, 6)) for r in range(repeats)
    )


def _regret(problem: Problem, run: Run) -> float:
    return math.log10(max(run.best - problem.optimum, 1e-12))


def _row(problem: Problem, label: str, runs: dict[int, Run], first: dict[int, Run], start: float) -> str:
    scores = [100 * (run.best - start) / (problem.optimum - start) for run in runs.values()]
    regrets = [_regret(problem, run) for run in runs.values()]
    more = [_regret(problem, run) - _regret(problem, first[seed]) for seed, run in runs.items() if seed in first]
    each = mean(run.cpu_s for run in runs.values()) / problem.trials
    beside = "" if runs is first or not more else interval(more, 2)
    cells = f"{problem.name} ({problem.trials})", label, interval(scores), interval(regrets, 2), beside, f"{each:.3f}"
    return f"| {' | '.join(cells)} |"


def _known(path: Path | None) -> dict[tuple[str, str, int], Run]:
    if path is None or not path.exists():
        return {}
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return {(line["problem"], line["searcher"], line["seed"]): Run(line["best"], line["cpu_s"]) for line in lines}


def _measured(given: argparse.Namespace) -> dict[tuple[str, str, int], Run]:
    """Every search that is asked for, seed by seed; those that `--out` holds already are not made again."""
    runs = _known(given.out)
    for seed in range(given.first_seed, given.first_seed + given.seeds):
        for name, label in product(given.problems, given.searchers):
            if (name, label, seed) in runs:
                continue
            problem = shifted(PROBLEMS[name], seed) if given.shifted else PROBLEMS[name]
            seen: list[tuple[float, float]] = []
            try:
                run = SEARCHERS[label](noisy(problem, seed, seen) if given.noisy else problem, seed)
                run = runs[name, label, seed] = replace(run, best=min(seen)[1]) if given.noisy else run
            except (ImportError, NotImplementedError) as error:
                sys.stderr.write(f"{label}, {name}: {error}\n")
                continue
            if given.out is not None:
                line = {"problem": name, "searcher": label, "seed": seed, "best": run.best, "cpu_s": run.cpu_s}
                with given.out.open("a") as file:
                    file.write(json.dumps(line) + "\n")
    return runs


def main() -> None:
    """Measure and print a table; `--out` keeps each result as a JSON line as soon as it is there."""
    parser = argparse.ArgumentParser()
    parser.add_argument("problems", nargs="*", default=list(PROBLEMS))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED, help="the next ones follow it")
    parser.add_argument("--searchers", nargs="*", default=list(SEARCHERS))
    parser.add_argument("--shifted", action="store_true", help="other ranges for each seed; for plain numbers alone")
    parser.add_argument("--noisy", action="store_true", help="results with noise; the truth at the best counts")
    parser.add_argument("--out", type=Path, help="a measurement that was cut off goes on from there")
    given = parser.parse_args()
    runs = _measured(given)
    heads = "problem (trials) | searcher | score | log10 regret | more than the first, by seed | CPU s per suggestion"
    print(f"| {heads} |\n|---|---|---|---|---|---|")
    for name in given.problems:
        start = baseline(PROBLEMS[name])
        first: dict[int, Run] = {}
        for label in given.searchers:
            seeds = range(given.first_seed, given.first_seed + given.seeds)
            found = {seed: runs[name, label, seed] for seed in seeds if (name, label, seed) in runs}
            first = first or found
            if found:
                print(_row(PROBLEMS[name], label, found, first, start))


if __name__ == "__main__":
    main()
