"""Values of trials as short text for columns; lengths of time, sizes and counts are `tuned.core.words`'."""

from __future__ import annotations

import math
from typing import Any

from tui.cells import clean
from tuned.core import words


def number(value: object, digits: int = 4) -> str:
    """A metric in a column of numbers: `0.01229`, `3.10e-05`, `nan`; an empty text for None."""
    if value is None:
        return ""
    try:
        return words.number(value if isinstance(value, int) else float(value), digits, aligned=True)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return clean(str(value))


def tick(value: float, digits: int = 3) -> str:
    """A number on an axis, as short as it can be said: `0.5`, `1e-05`, `2000`."""
    return f"{value:.{digits}g}"


def param(value: Any) -> str:
    """A parameter's value: floats short, booleans and words as they are."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return number(value, 3)
    if value is None:
        return ""
    return clean(str(value))


def param_exact(value: Any) -> str:
    """A parameter's value in six significant digits."""
    return f"{value:.6g}" if isinstance(value, float) else param(value)


def step(value: float | None) -> str:
    """A step as a whole number where it is one."""
    if value is None:
        return ""
    if not math.isfinite(value):
        return str(value)
    return str(int(value)) if value == int(value) else f"{value:g}"


def value_of(values: dict[str, Any], metric: str | None) -> float | None:
    """The objective's value of a trial as a float; None when it has none, NaN and infinities as themselves."""
    if metric is None or metric not in values:
        return None
    try:
        return float(values[metric])
    except (TypeError, ValueError):
        return None


def studies(many: int | None) -> str:
    """How many studies there are; unknown while the database cannot be read."""
    return words.known(None, "studies") if many is None else words.count(many, "study")
