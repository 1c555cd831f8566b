"""The search space: a parameter, its unit interval, whole spaces, conditions between parameters.

Owns the meaning of a point. Sampling points is `tuned.core.search.design`'s work, reading a space from a study file
`tuned.core.study_file.space_file`'s, editing it `tuned.core.changes.space`'s.
"""

from __future__ import annotations

from tuned.core.space.parameter import Kind, Parameter, Point, Role, Value, same_value
from tuned.core.space.search_space import SearchSpace, canonical_key
