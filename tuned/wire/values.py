"""Values as JSON can carry them."""

from __future__ import annotations

from typing import Any, Union

from tuned.protocol import encode_number

Number = Union[float, int, str]  # noqa: UP007 - evaluated under Python 3.9, too
Json = dict[str, Any]


def wire_values(values: dict[str, float]) -> dict[str, Number]:
    """Metric values as JSON can carry them."""
    return {name: encode_number(value) for name, value in values.items()}
