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
    nested = ("params", "values", "metrics", "number", "state")
    rest = {key: value for key, value in row.items() if key not in nested}
    values = {**row["values"], **{k: v for k, v in (row.get("metrics") or {}).items() if k not in row["values"]}}
    found: dict[str, Any] = {"number": row["number"], "state": row["state"]}
    for name, value in row["params"].items():
        found[f"params.{name}" if name in rest or name in found or name in values else name] = value
    for name, value in values.items():
        found[f"values.{name}" if name in rest or name in found else name] = decode_number(value)
    return {**found, **rest}
