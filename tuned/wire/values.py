"""Values as JSON can carry them."""

from __future__ import annotations

from typing import Any, Union

Number = Union[float, int, str]  # noqa: UP007 - evaluated under Python 3.9, too
Json = dict[str, Any]
