"""`python -m benchmarks.without_model`: points near the best results beside those of the design, without any model.

Owns that comparison. It costs seconds: on functions the log10 regret after 40 trials, on tables of trainings the log10
of the share of points that are truly better after 50.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator

from benchmarks.interval import interval
from benchmarks.replay.tables import Table, tables
from benchmarks.search import FIRST_SEED
from benchmarks.search_problems import PROBLEMS, Problem
from tuned.core.search import near
from tuned.core.search.design import fresh_point
from tuned.core.space import Point, SearchSpace, canonical_key

FUNCTIONS = ("branin", "hartmann6", "levy4", "mixed")
ON_FUNCTIONS, ON_TABLES = 40, 50
TRIES = 20


def searched(space: SearchSpace, value: Callable[[Point], float], seed: int, trials: int, beside: bool) -> Point:
    """The best point of a search whose points are near the best ones, but for every fifth, or all of the design."""
    taken: set[str] = set()
    tried: list[tuple[float, int, Point]] = []
    for number in range(1, trials + 1):
        point: Point | None = None
        if beside and len(tried) >= near.LEAST and number % near.EVERY:
            best = [p for _, _, p in sorted(tried, key=lambda t: t[:2])[: near.PARENTS]]
            made = (near.near_point(space, best, seed, number - 1 + k * 1_000_003) for k in range(TRIES))
            point = next((p for p in made if canonical_key(p) not in taken), None)
        point = point or fresh_point(space, seed, number - 1, taken)
        assert point is not None
        taken.add(canonical_key(point))
        tried.append((value(point), number, point))
    return min(tried, key=lambda t: t[:2])[2]


def _on_function(problem: Problem, seed: int, beside: bool) -> float:
    best = searched(problem.space, lambda point: problem.value(point, 0), seed, ON_FUNCTIONS, beside)
    return math.log10(max(problem.value(best, 0) - problem.optimum, 1e-9))


def _on_table(table: Table, seed: int, beside: bool) -> float:
    best = searched(
        table.space, lambda point: float(table.best_so_far[table.place(point), -1]), seed, ON_TABLES, beside
    )
    return float(table.better[table.place(best)])


def measures() -> Iterator[tuple[str, Callable[[int, bool], float]]]:
    """Names, and what each gives for a seed."""
    for name in FUNCTIONS:
        yield name, lambda seed, beside, problem=PROBLEMS[name]: _on_function(problem, seed, beside)  # type: ignore[misc]
    for held_out in (False, True):
        for table in tables(None, held_out):
            kept = " (kept back)" if held_out else ""
            yield table.name + kept, lambda seed, beside, table=table: _on_table(table, seed, beside)  # type: ignore[misc]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    given = parser.parse_args()
    seeds = range(given.first_seed, given.first_seed + given.seeds)
    print("| | by the design alone | near the best |\n|---|---|---|")
    for name, measure in measures():
        design, beside = ([measure(seed, how) for seed in seeds] for how in (False, True))
        print(f"| {name} | {interval(design, 2)} | {interval(beside, 2)} |", flush=True)


if __name__ == "__main__":
    main()
