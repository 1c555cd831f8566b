"""`python -m benchmarks.bounded_history [--seeds N] [--first-seed N] [--cap N]`: what a bounded model gives away.

Owns that comparison: after a long history the model that sees at most 300 results, as the product's does, beside one
that may see more. Both get the same random history, then choose a few points one after the other, each knowing the
results of its own earlier ones; and both predict points around the best one.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, field
from statistics import mean

import numpy as np
from scipy.stats import spearmanr

from benchmarks.interval import interval
from benchmarks.search_problems import PROBLEMS, Problem
from tuned.advisor import ax_backend
from tuned.advisor.history import MOST_DATA, weigh
from tuned.advisor.messages import ObjectiveLine, TrialLine
from tuned.core.errors import InvalidInput
from tuned.core.search.design import design_point
from tuned.core.space import Point, SearchSpace, Value
from tuned.core.states import TrialState

NAMES, HISTORIES = ("hartmann6", "mixed"), (1000, 5000)
NEAR = 100
"""Points around the best one that are predicted."""
OBJECTIVES = (ObjectiveLine("loss", "minimize"),)


@dataclass
class Measured:
    """Of one cap, over the seeds: how much was gained, how well was predicted, and at what cost."""

    gains: list[float] = field(default_factory=list)
    ranks: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)


def measure(problem: Problem, length: int, seed: int, cap: int, count: int, found: Measured) -> None:
    """Let a model choose `count` points after so long a history."""
    rows = [_row(problem, i + 1, design_point(problem.space, seed, i, "random")) for i in range(length)]
    began_with = min(row.values["loss"] for row in rows)
    for k in range(count):
        number = length + k + 1
        began = time.process_time()
        evidence = weigh(problem.space, OBJECTIVES, rows, most=cap)
        model = ax_backend.Model(problem.space, OBJECTIVES, evidence, seed + number)
        point = model.choose(seed + number).point
        found.cpu_s.append(time.process_time() - began)
        if k == 0:
            assert evidence.best is not None
            around = near(problem.space, evidence.best.point, seed)
            expected = [e.predicted["loss"][0] for e in model.expect(around)]
            true = [problem.value(p, 0) for p in around]
            found.ranks.append(float(spearmanr(expected, true).statistic))
        rows.append(_row(problem, number, point))
    best = min(row.values["loss"] for row in rows)
    # The share of what was left to gain.
    found.gains.append(100 * (began_with - best) / (began_with - problem.optimum))


def _row(problem: Problem, number: int, point: Point) -> TrialLine:
    return TrialLine(number, point, TrialState.COMPLETED, {"loss": problem.value(point, 0)})


def near(space: SearchSpace, best: Point, seed: int) -> list[Point]:
    """Points around one: each number moved by a tenth of its range at most, on its own scale; choices stay."""
    rng = np.random.default_rng(seed)
    found: list[Point] = []
    while len(found) < NEAR:
        moved: dict[str, Value] = dict(best)
        for name, value in best.items():
            p = space[name]
            if p.kind not in ("float", "int") or not isinstance(value, int | float):
                continue
            assert p.low is not None and p.high is not None
            step = rng.uniform(-0.1, 0.1)
            wanted = value * (p.high / p.low) ** step if p.log else value + step * (p.high - p.low)
            wanted = min(max(wanted, p.low), p.high)
            moved[name] = round(wanted) if p.kind == "int" else wanted
        try:
            found.append(space.check(moved))
        except InvalidInput:
            continue
    return found


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=20)
    parser.add_argument("--count", type=int, default=3, help="points to choose")
    parser.add_argument("--cap", type=int, default=1000, help="results that the other model sees at most")
    parser.add_argument("--problems", nargs="*", default=list(NAMES))
    parser.add_argument("--histories", nargs="*", type=int, default=list(HISTORIES))
    given = parser.parse_args()
    ax_backend.prepare()
    print(f"| problem, results | model sees | gained by {given.count} points, % of what was left | rank | CPU s |")
    print("|---|---|---|---|---|")
    for name in given.problems:
        for length in given.histories:
            paired: list[Measured] = []
            for cap in (MOST_DATA, given.cap):
                found = Measured()
                for seed in range(given.first_seed, given.first_seed + given.seeds):
                    measure(PROBLEMS[name], length, seed, cap, given.count, found)
                row = f"{interval(found.gains, 0)} | {interval(found.ranks, 2)} | {mean(found.cpu_s):.2f}"
                print(f"| {name}, {length:,} | {min(cap, length)} | {row} |", flush=True)
                paired.append(found)
            bounded, other = paired
            lost = [b - a for a, b in zip(bounded.gains, other.gains, strict=True)]
            ranks = [b - a for a, b in zip(bounded.ranks, other.ranks, strict=True)]
            print(f"| {name}, {length:,} | difference | {interval(lost, 0)} | {interval(ranks, 2)} | |", flush=True)


if __name__ == "__main__":
    main()
