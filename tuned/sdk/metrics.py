"""Names and values of reported metrics, checked and made into plain numbers.

Owns these rules. They raise for programming errors alone, with a hint; they touch no file.
"""

from __future__ import annotations

import math
import operator
from typing import Any, Dict, Mapping, Optional

from tuned.protocol import (
    NO_METRIC,
    encode_number,
)

_BEYOND = 2**1024 - 2**970
"""The first whole number that is too large for a float."""

_STEPS_BELOW = 2**53
"""From here on neighbouring whole numbers would be one step: steps are stored as floats."""


def clean_step(step: Any) -> Optional[int]:
    """A step as a plain integer; None stays None.

    Raises:
        ValueError: It is no whole number from 0 on and below 2**53.
    """
    if step is None or type(step) is int:
        number = step
    else:
        try:
            number = operator.index(step)
        except TypeError:
            number = _whole(step)
    if number is not None and number < 0:
        raise ValueError("report(step=%r): a step counts from 0" % (step,))
    if number is not None and number >= _STEPS_BELOW:
        raise ValueError("report(step=%r): a step is below 2**53; leave it out to count on" % (step,))
    return number


def _whole(step: Any) -> int:
    try:
        number = float(step)
        if number == int(number) and not isinstance(step, str):
            return int(number)
    except (TypeError, ValueError, OverflowError):
        pass
    raise ValueError(
        "report(step=%r): a step is a whole number, such as the epoch's; leave it out to count on" % (step,)
    )


def clean_metrics(metrics: Mapping[str, Any]) -> Dict[str, Any]:
    """Metrics as JSON can carry them.

    Raises:
        ValueError: There are none, a name is reserved, or a value is no number.
    """
    if not metrics:
        raise ValueError("report() without a metric: name at least one, such as report(step=epoch, val_loss=loss)")
    return {name: clean_value(name, value) for name, value in metrics.items()}


def clean_value(name: str, value: Any) -> Any:
    """One value: Python's numbers, and anything with one number in it, as numpy's and torch's scalars."""
    if not isinstance(name, str) or name in NO_METRIC or not name:
        raise ValueError("report(): %r is not free as the name of a metric: use another" % (name,))
    kind = type(value)
    if kind is float:
        return encode_number(value)
    if kind is int:
        # A number that no float can hold is infinite for everybody who reads it.
        return value if abs(value) < _BEYOND else encode_number(math.copysign(math.inf, value > 0 or -1))
    if isinstance(value, (str, bytes)) or value is None:
        raise ValueError("report(%s=%r): a metric is a number; pass the number itself" % (name, value))
    try:
        # item() is quiet where float() warns: for a loss that still has its graph, for an array of one element.
        return encode_number(float(value.item() if hasattr(value, "item") else value))
    except (TypeError, ValueError, RuntimeError, OverflowError):
        shape = getattr(value, "shape", None)
        what = kind.__name__ if shape is None else "%s of shape %s" % (kind.__name__, tuple(shape))
        raise ValueError(
            "report(%s=...): a metric is one number, and this is a %s; pass value.mean() or value.item()" % (name, what)
        ) from None
