"""Points as rows of features for a model: a place of 0 to 1 for values with an order, a column a value for others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tuned.analyses.study_data import Floats, positions
from tuned.core.space import Point, SearchSpace, same_value


def encoded(space: SearchSpace, points: Sequence[Point]) -> Floats:
    """(points, features); a conditional parameter has a column that says whether it is active."""
    columns: list[Floats] = []
    for parameter in space.tunable:
        active = np.array([parameter.name in point for point in points])
        if parameter.when:
            columns.append(active.astype(float))
        if parameter.kind in ("float", "int") or parameter.ordered:
            filler = parameter.low if parameter.kind in ("float", "int") else parameter.values[0]
            assert filler is not None
            places = positions(parameter, [point.get(parameter.name, filler) for point in points])
            columns.append(np.where(active, places, 0.5))
            continue
        columns += [
            np.array([float(parameter.name in p and same_value(p[parameter.name], v)) for p in points])
            for v in parameter.values
        ]
    return np.column_stack(columns) if columns else np.zeros((len(points), 1))
