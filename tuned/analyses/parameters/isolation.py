"""The isolation view: for each value of a scientific parameter the best over the nuisance parameters, with its luck.

Owns that table and what it allows to conclude.
"""

from __future__ import annotations

import numpy as np

from tuned.analyses.groups import Group, group, text_of
from tuned.analyses.study_data import Floats, StudyData
from tuned.analyses.table import Column, Table
from tuned.core.space import Parameter

DRAWS = 2000
BAND = 0.9
DECIDED = 0.95
"""Share of the resamples in which the first must beat the second for a conclusion."""


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
    notes = (_conclusion(parameter, groups, draws), *caveats(study, parameter))
    return Table(
        f"isolation.{parameter.name}",
        f"{study.objective.metric} by {parameter.name}, the best over the other parameters",
        columns, tuple(rows), notes,
    )  # fmt: skip


def _best_draws(study: StudyData, one: Group, m: int, seed: int) -> Floats:
    results = study.sign * study.outcome(one.trials)
    drawn: Floats = np.random.default_rng(seed).choice(results, (DRAWS, m)).min(axis=1)
    return drawn


def _conclusion(parameter: Parameter, groups: list[Group], draws: list[Floats]) -> str:
    order = np.argsort([float(np.mean(d)) for d in draws])
    first, second = int(order[0]), int(order[1])
    wins = float(np.mean(draws[first] < draws[second]) + np.mean(draws[first] == draws[second]) / 2)
    if wins < 0.5:  # better on average alone, by a few very bad resamples of the other
        first, second, wins = second, first, 1 - wins
    said = f"{parameter.name} = {groups[first].label} beats {groups[second].label} in {wins:.0%} of the resamples"
    if wins >= DECIDED:
        return f"{said}: more than the luck of the search; seeds are another matter (tunectl confirm)."
    return f"{said}: not decided."


def caveats(study: StudyData, parameter: Parameter) -> tuple[str, ...]:
    """Under which fixed values, and within which nuisance ranges, a conclusion holds."""
    fixed = [f"{p.name} = {text_of(p.values[0])}" for p in study.space.parameters if p.kind == "fixed"]
    nuisance = [p.name for p in study.space.tunable if p.name != parameter.name]
    parts = [f"with {', '.join(fixed)} fixed"] if fixed else []
    parts += [f"within the ranges tried of {', '.join(nuisance)}"] if nuisance else []
    return (f"It holds {' and '.join(parts)}.",) if parts else ()
