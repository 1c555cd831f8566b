"""How long the final training is: as long as the search found best, rescaled to all of the data.

Owns that rule. Trained on everything, a model has no validation data that could say when to stop.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from tuned.core.playbook.spec import Finalize
from tuned.core.space import Point, SearchSpace
from tuned.core.study import Objective


def best_length(objective: Objective, curve: Sequence[tuple[float, float]]) -> float | None:
    """How long a run had trained when its objective was best: a count, also where its steps begin at 0.

    Args:
        objective: Under `last` and `mean_last` it is the whole run.
        curve: (step, value), by step.
    """
    finite = [(step, value) for step, value in curve if math.isfinite(value)]
    if not finite:
        return None
    first = min(step for step, _ in curve)
    offset = 1.0 if first == 0 else 0.0
    if objective.summary != "best":
        return finite[-1][0] + offset
    return min(finite, key=lambda entry: (objective.sign * entry[1], entry[0]))[0] + offset


def final_point(
    rule: Finalize | None,
    objective: Objective,
    space: SearchSpace,
    params: Point,
    curves: Sequence[Sequence[tuple[float, float]]],
) -> tuple[Point, str]:
    """The point of the final training, and why it is as long as it is.

    The length is the median over the runs of how long they had trained at their best. Counted in passes over the data
    it stays: a pass over all of the data is longer by itself. Counted in batches it grows by `1 / train_fraction`.

    Args:
        rule: `[finalize]`; None, or one without a `length`: the point stays as it is.
        objective: The study's first.
        space: The study's.
        params: Of the configuration that is finalised.
        curves: The objective's curve of each of its runs.
    """
    if rule is None or not rule.length or rule.length not in params:
        return dict(params), "as long as in the search"
    lengths = [length for length in (best_length(objective, curve) for curve in curves) if length is not None]
    if not lengths:
        return dict(params), f"{rule.length} as in the search: no curve says when it was best"
    found = median(lengths)
    why = f"{objective.metric} was best after {found:g} (median of {len(lengths)} runs)"
    if rule.unit == "steps" and rule.train_fraction < 1:
        found /= rule.train_fraction
        why += f", and all of the data is 1 / {rule.train_fraction:g} of what they trained on"
    whole = space[rule.length].kind == "int" or isinstance(params[rule.length], int)
    value = max(1, round(found)) if whole else found
    return {**params, rule.length: value}, f"{rule.length} = {value:g}: {why}"
