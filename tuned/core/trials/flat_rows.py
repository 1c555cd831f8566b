"""A trial's row as one level of names, for data frames and tables.

Owns that flattening; scripts under Python 3.9 use it, so it needs nothing else of `tuned.core`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tuned.protocol import decode_number


def flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """A trial's row as one level: number and state, then parameters, values and the rest.

    A parameter or metric that is called like something else becomes `params.NAME` or `values.NAME`.
    """
    rest = {key: value for key, value in row.items() if key not in ("params", "values", "number", "state")}
    found: dict[str, Any] = {"number": row["number"], "state": row["state"]}
    for name, value in row["params"].items():
        found[f"params.{name}" if name in rest or name in found or name in row["values"] else name] = value
    for name, value in row["values"].items():
        found[f"values.{name}" if name in rest or name in found else name] = decode_number(value)
    return {**found, **rest}
