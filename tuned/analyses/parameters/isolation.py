"""The isolation view: for each value of a scientific parameter the best over the nuisance parameters, with its luck.

Owns that table and what it allows to conclude.
"""

from __future__ import annotations

import numpy as np

from tuned.analyses.groups import Group, group, text_of
from tuned.analyses.space.sampling import best_of, expected_best
from tuned.analyses.study_data import Floats, StudyData
from tuned.analyses.table import Column, Table
from tuned.core.space import Parameter

DRAWS = 2000
BAND = 0.9
LEVEL = 0.05
"""P-value of the permutation test below which the first two values are told apart."""
SHUFFLES = 4000


def isolation(study: StudyData, parameter: Parameter) -> Table | None:
    """Best over the nuisance for each value (a range in bins), compared at equal numbers of trials.

    The band is that of the best of `m` trials drawn with replacement from each group's own, `m` being the size of the
    smallest group with at least three: a value that was tried more often is not better for that. None for fewer than
    two values.
    """
    groups = [g for g in group(parameter, study.full) if g.trials]
    if len(groups) < 2:
        return None
    m = min(len(g.trials) for g in groups if len(g.trials) >= 3) if any(len(g.trials) >= 3 for g in groups) else 1
    draws = [_best_draws(study, g, m, i) for i, g in enumerate(groups)]
    rows = []
    for one, drawn in zip(groups, draws, strict=True):
        results = study.sign * study.outcome(one.trials)
        winner = one.trials[int(np.argmin(results))]
        low, high = (float(study.sign * q) for q in np.quantile(drawn, [(1 - BAND) / 2, (1 + BAND) / 2]))
        rows.append(
            (one.label, len(one.trials), float(study.sign * results.min()), float(study.sign * np.mean(drawn)),
             (min(low, high), max(low, high)), winner.number)
        )  # fmt: skip
    columns = (
        Column("value"), Column("trials", "count"), Column("best", "number"),
        Column("expected_best", "number", f"expected best of {m}"), Column("band", "interval", "90 %"),
        Column("trial", "count", "best trial"),
    )  # fmt: skip
    notes = (_conclusion(study, parameter, groups), *caveats(study, parameter))
    return Table(
        f"isolation.{parameter.name}",
        f"{study.objective.metric} by {parameter.name}, the best over the other parameters",
        columns, tuple(rows), notes,
    )  # fmt: skip


def _best_draws(study: StudyData, one: Group, m: int, seed: int) -> Floats:
    results = study.sign * study.outcome(one.trials)
    drawn: Floats = np.random.default_rng(seed).choice(results, (DRAWS, m)).min(axis=1)
    return drawn


def _conclusion(study: StudyData, parameter: Parameter, groups: list[Group]) -> str:
    """The sentence on the two values whose expected bests are best."""
    results = [study.sign * study.outcome(one.trials) for one in groups]
    m = min(len(one) for one in results)
    order = sorted(range(len(groups)), key=lambda i: expected_best(np.sort(results[i]), m))
    first, second = order[0], order[1]
    chance = permuted(results[first], results[second])
    said = f"{parameter.name} = {groups[first].label} has a better best than {groups[second].label}"
    if chance < LEVEL:
        return (
            f"{said}: more than the luck of the search (p = {chance:.2g}, permutation test of the two); seeds are "
            "another matter (tunectl confirm)."
        )
    return f"{said}, which is not decided (p = {chance:.2g}, permutation test of the two)."


def permuted(one: Floats, other: Floats) -> float:
    """P-value of the difference between two groups' expected bests at equal numbers, smaller results being better.

    Exchanges results between the groups: where a value does nothing, which trial had it is chance. Both directions
    count, because which of the two is called the better one is read off the same results.
    """
    pooled = np.concatenate([one, other])
    m = min(len(one), len(other))
    weights = best_of(np.arange(len(one), dtype=float), m), best_of(np.arange(len(other), dtype=float), m)

    def difference(rows: Floats) -> Floats:
        left, right = np.sort(rows[..., : len(one)]), np.sort(rows[..., len(one) :])
        apart: Floats = np.abs(left @ weights[0] - right @ weights[1])
        return apart

    shuffled = np.random.default_rng(0).permuted(np.tile(pooled, (SHUFFLES, 1)), axis=1)
    seen = float(difference(pooled))
    as_far = np.sum(difference(shuffled) >= seen * (1 - 1e-9) - 1e-300)
    return float((as_far + 1) / (SHUFFLES + 1))


def caveats(study: StudyData, parameter: Parameter) -> tuple[str, ...]:
    """Under which fixed values, and within which nuisance ranges, a conclusion holds."""
    fixed = [f"{p.name} = {text_of(p.values[0])}" for p in study.space.parameters if p.kind == "fixed"]
    nuisance = [p.name for p in study.space.tunable if p.name != parameter.name]
    parts = [f"with {', '.join(fixed)} fixed"] if fixed else []
    parts += [f"within the ranges tried of {', '.join(nuisance)}"] if nuisance else []
    return (f"It holds {' and '.join(parts)}.",) if parts else ()
