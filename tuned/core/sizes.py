"""Amounts of bytes as people write them: `16GB`, `500M`, `1.5GiB`, or a number of bytes."""

from __future__ import annotations

import math
import re

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?")
_POWER = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def parse_size(value: object) -> int:
    """Bytes: `GB` counts in thousands, `GiB` in 1024s.

    Raises:
        ValueError: It is no size.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0:
        return int(value)
    if isinstance(value, str) and (match := _SIZE.fullmatch(value.strip().lower())):
        return int(float(match[1]) * (1024 if match[3] else 1000) ** _POWER[match[2]])
    raise ValueError(f"{value!r} is no size")
