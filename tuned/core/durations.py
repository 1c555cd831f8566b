"""Lengths of time as people write them: `2h`, `30s`, `1h30m`, or a number of seconds."""

from __future__ import annotations

import math
import re

_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "min": 60.0, "s": 1.0, "ms": 0.001}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|min|[dhms])\s*")


def parse_duration(value: object) -> float:
    """Seconds, never negative.

    Raises:
        ValueError: It is no length of time; the text says what is expected.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if not math.isfinite(value) or value < 0:
            raise ValueError(f"{value!r} is no length of time")
        return float(value)
    if isinstance(value, str) and value.strip():
        text, seconds = value.strip().lower(), 0.0
        while text:
            part = _PART.match(text)
            if part is None:
                break
            seconds += float(part[1]) * _UNITS[part[2]]
            text = text[part.end() :]
        if not text:
            return seconds
    raise ValueError(f"{value!r} is no length of time")
