"""`python -m benchmarks.search [PROBLEM...] [--seeds N] [--first-seed N]`: our choice of points beside that of others.

Owns the searchers and the score, which is Ax's: 100 x (value - baseline) / (optimum - baseline), where the baseline is
the best of five quasi-random points, over 50 repeats. Trials run one at a time, in this process, all searchers in the
same run: what is measured is the choice of points alone. Optuna is measured where it can be imported
(requirements-peers.txt).
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from benchmarks.search_problems import PROBLEMS, Problem
from tuned.core.search.design import design_point, fresh_point
from tuned.core.search.phases import phase
from tuned.core.space import Point, SearchSpace, canonical_key
from tuned.core.states import TrialState

REPEATS = 50
FIRST_SEED = 20
"""Seeds from here on are kept for this table: nothing is tried out or tuned on them (use 100 and above for that)."""
T_95 = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57, 7: 2.45, 8: 2.36, 9: 2.31, 10: 2.26}
"""Student's t for a 95 % interval of the mean of so many values."""


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


def ours_lagging(problem: Problem, seed: int) -> Run:
    """The same where trials are short beside a suggestion: each point is chosen without the last result."""
    return ours(problem, seed, lag=1)


def ours(problem: Problem, seed: int, method: str = "auto", lag: int = 0) -> Run:
    """What a study with `method = "auto"` does, one trial at a time, each long beside a suggestion."""
    from tuned.advisor.messages import DefineStudy, ObjectiveLine, Suggest, TrialLine, UpdateTrials
    from tuned.advisor.suggesting import Advisor

    advisor, best, cpu = Advisor(), math.inf, 0.0
    advisor.answer(DefineStudy(1, problem.space, (ObjectiveLine("loss", "minimize"),), seed, method))
    taken: set[str] = set()
    for number in range(1, problem.trials + 1):
        began = time.process_time()
        made = number - 1
        if phase(problem.space, "auto", max(0, made - lag), made, problem.trials) == "design":
            point = fresh_point(problem.space, seed, made, taken)
        else:
            point = advisor.answer(Suggest(1, number, cut=made - lag))["params"]
        cpu += time.process_time() - began
        assert point is not None
        taken.add(canonical_key(point))
        value = problem.value(point, made)
        best = min(best, value)
        advisor.answer(UpdateTrials(1, (TrialLine(number, point, TrialState.COMPLETED, {"loss": value}),)))
    return Run(best, cpu)


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
    "tuned auto": ours,
    "tuned auto, lag 1": ours_lagging,
    "Optuna GP": optuna_with("GPSampler"),
    "Optuna TPE": optuna_with("TPESampler"),
    "random": random_points,
    "Sobol, twice the trials": sobol_twice,
}


def baseline(problem: Problem) -> float:
    """The best of five quasi-random points, on average."""
    repeats = REPEATS if problem.name != "digits" else 10
    return mean(
        min(problem.value(design_point(problem.space, 1_000 + r, i), i) for i in range(5)) for r in range(repeats)
    )


def interval(values: list[float]) -> str:
    """Mean and half of its 95 % interval."""
    half = T_95.get(len(values), 2.1) * stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return f"{mean(values):.1f} ± {half:.1f}"


def main() -> None:
    """Measure and print a table; `--out` appends each result as a JSON line as soon as it is there."""
    parser = argparse.ArgumentParser()
    parser.add_argument("problems", nargs="*", default=list(PROBLEMS))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED, help="the next ones follow it")
    parser.add_argument("--searchers", nargs="*", default=list(SEARCHERS))
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    print("| problem (trials) | searcher | score | least value | CPU s per suggestion |\n|---|---|---|---|---|")
    for name in given.problems:
        problem = PROBLEMS[name]
        start = baseline(problem)
        for label in given.searchers:
            runs = []
            for seed in range(given.first_seed, given.first_seed + given.seeds):
                try:
                    run = SEARCHERS[label](problem, seed)
                except ImportError as error:
                    sys.stderr.write(f"{label}: {error}\n")
                    break
                runs.append(run)
                if given.out is not None:
                    line = {"problem": name, "searcher": label, "seed": seed, "best": run.best, "cpu_s": run.cpu_s}
                    with given.out.open("a") as file:
                        file.write(json.dumps(line) + "\n")
            if runs:
                scores = [100 * (run.best - start) / (problem.optimum - start) for run in runs]
                each = mean(run.cpu_s for run in runs) / problem.trials
                least = mean(run.best for run in runs)
                print(
                    f"| {name} ({problem.trials}) | {label} | {interval(scores)} | {least:.4g} | {each:.3f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
