"""Offspring of the best points: the search for histories too long, or spaces too odd, for a model.

Owns selection and the use of pymoo's operators (simulated binary crossover, polynomial mutation, uniform crossover of
labels); asynchronous, as trials end one by one: each call makes one child of the best `POPULATION` results so far. A
child is a function of (evidence, seed) alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pymoo.core.individual import Individual
from pymoo.core.mixed import MixedVariableMating
from pymoo.core.variable import Choice, Real
from pymoo.util.nds.non_dominated_sorting import NonDominatedSorting

from tuned.advisor.encoding import Column, columns_of, decode, encode
from tuned.advisor.history import Evidence, Sample
from tuned.advisor.messages import ObjectiveLine
from tuned.core.errors import InvalidInput
from tuned.core.space import Point, SearchSpace, canonical_key

POPULATION = 40
"""Parents at most: the best results so far."""
TRIES = 20
"""Children made until one is new."""


class _Variables:
    """The attributes of a problem that pymoo's mating reads."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.vars = {
            c.name: Choice(options=list(c.labels)) if c.kind == "label" else Real(bounds=(0.0, 1.0)) for c in columns
        }


def offspring(
    space: SearchSpace, objectives: Sequence[ObjectiveLine], evidence: Evidence, seed: int
) -> tuple[Point, tuple[int, int]] | None:
    """A new point out of two good ones, and the numbers of those; None when all children made are points tried before.

    Args:
        space: With at least one tunable parameter.
        objectives: One or more; with several, parents are those that no other result dominates.
        evidence: With at least two results.
        seed: Of this suggestion.
    """
    columns = columns_of(space)
    population = select(objectives, evidence.data)
    mating, problem = MixedVariableMating(eliminate_duplicates=None), _Variables(columns)
    rng = np.random.default_rng(seed)
    for _ in range(TRIES):
        chosen = [_tournament(population, rng) for _ in range(2)]
        parents = [Individual(X=_to_unit(columns, encode(columns, sample.point))) for sample in chosen]
        children = mating._do(problem, [parents], 2, parents=True, random_state=rng)
        for child in children:
            try:
                point = decode(space, columns, _from_unit(columns, child.X))
            except InvalidInput:
                continue  # it misses a condition between parameters
            if canonical_key(point) not in evidence.taken:
                return point, (chosen[0].number, chosen[1].number)
    return None


def select(objectives: Sequence[ObjectiveLine], data: Sequence[Sample]) -> list[Sample]:
    """The parents, best first."""
    scores = np.array([[o.sign * v for o, v in zip(objectives, s.values, strict=True)] for s in data])
    goals = [k for k, o in enumerate(objectives) if o.bound is None]
    broken = [sum(not o.holds(v) for o, v in zip(objectives, s.values, strict=True)) for s in data]
    if len(goals) == 1:
        order = sorted(range(len(data)), key=lambda i: (broken[i], scores[i][goals[0]], data[i].number))
        return [data[i] for i in order[:POPULATION]]
    fronts = NonDominatedSorting().do(scores[:, goals])
    ranks = {i: rank for rank, front in enumerate(fronts) for i in front}
    order = sorted(range(len(data)), key=lambda i: (broken[i], ranks[i], data[i].number))
    return [data[i] for i in order[:POPULATION]]


def _tournament(population: Sequence[Sample], rng: np.random.Generator) -> Sample:
    return population[int(min(rng.integers(len(population), size=2)))]


def _to_unit(columns: Sequence[Column], row: dict[str, Any]) -> dict[str, Any]:
    return {c.name: row[c.name] if c.kind == "label" else c.unit(float(row[c.name])) for c in columns}


def _from_unit(columns: Sequence[Column], row: dict[str, Any]) -> dict[str, Any]:
    return {c.name: str(row[c.name]) if c.kind == "label" else c.at(float(row[c.name])) for c in columns}
