"""Results of earlier studies as evidence for this one.

Owns which of them are used, and their level: the difference between both studies at like points, at the median.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tuned.advisor.encoding import columns_of, places
from tuned.advisor.history import Sample
from tuned.advisor.messages import ObjectiveLine, TrialLine
from tuned.core.search.bound import PRIOR, bounded
from tuned.core.space import SearchSpace

MOST = 100
"""Results of earlier studies; which: `tuned.core.search.bound`."""
NEIGHBOURS = 3
LEAST = 3
"""Results of this study before the level is looked at."""


def prior_of(
    space: SearchSpace, objectives: Sequence[ObjectiveLine], rows: Sequence[TrialLine], data: Sequence[Sample]
) -> tuple[Sample, ...]:
    """Those results whose points are part of the space and that have the first objective, at this study's level.

    NaN where they have none of another one, or nothing of what a constraint bounds: of that the model learns here.
    """
    found = []
    for row in rows:
        point = space.carried(row.params)
        values = tuple(row.values.get(o.metric, math.nan) for o in objectives)
        if point is not None and math.isfinite(values[0]) and not any(math.isinf(v) for v in values):
            found.append(Sample(row.number, point, values))
    sign = objectives[0].sign
    kept = [found[i] for i in bounded([s.number for s in found], [[sign * s.values[0]] for s in found], MOST, PRIOR)]
    offsets = _offsets(space, kept, data)
    return tuple(Sample(s.number, s.point, tuple(v + o for v, o in zip(s.values, offsets, strict=True))) for s in kept)


def _offsets(space: SearchSpace, prior: Sequence[Sample], data: Sequence[Sample]) -> list[float]:
    """How much more this study gives than the earlier ones at like points, for each objective."""
    width = len(prior[0].values) if prior else 0
    if len(data) < LEAST or not prior:
        return [0.0] * width
    columns = columns_of(space)
    theirs, ours = (np.array([places(columns, s.point) for s in some]) for some in (prior, data))
    distance = ((ours[:, None, :] - theirs[None, :, :]) ** 2).sum(axis=2)
    nearest = np.argsort(distance, axis=1, kind="stable")[:, :NEIGHBOURS]
    # The nearer the more it says; of the same point only that one counts.
    weights = 1.0 / (np.take_along_axis(distance, nearest, axis=1) + 1e-9)
    weights /= weights.sum(axis=1, keepdims=True)
    values = np.array([s.values for s in prior])
    mine = np.array([s.values for s in data])
    theirs_here = np.einsum("ij,ijk->ik", weights, values[nearest])
    differences = mine - theirs_here
    known = [column[np.isfinite(column)] for column in differences.T]
    return [float(np.median(column)) if len(column) else 0.0 for column in known]
