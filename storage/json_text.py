"""JSON as the tables hold it: compact text in which metrics that are not finite are words.

Owns that form. SQLite's own JSON functions can read it, which Python's `NaN` would break.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from tuned.protocol import decode_number, encode_all, encode_numbers

_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
_encode_anything = json.JSONEncoder(separators=(",", ":"), default=str).encode


class UnreadableRow(ValueError):
    """A row that SQLite can read, but whose content tuned cannot have written: its page is damaged."""


def dump(data: Any) -> str:
    """Compact JSON.

    Raises:
        ValueError: A float in it is not finite.
    """
    return _encode(data)


def dump_record(record: Mapping[str, Any]) -> str:
    """A record that others wrote, whatever is in it."""
    try:
        return _encode(record)
    except (TypeError, ValueError):
        return _encode_anything(encode_all(record))


def dump_values(values: Mapping[str, float]) -> str:
    """Metric values as text."""
    return _encode(encode_numbers(values))


def load_values(text: str) -> dict[str, float]:
    """The values that `dump_values` wrote."""
    if text == "{}":
        return {}
    with as_written("metrics"):
        return {name: decode_number(value) for name, value in load(text).items()}


def load(text: str) -> Any:
    """Data that `dump` wrote.

    Raises:
        UnreadableRow: It is no JSON.
    """
    try:
        return json.loads(text)
    except ValueError as error:
        raise UnreadableRow(f"a row holds what is no JSON ({error})") from error


@contextlib.contextmanager
def as_written(what: str) -> Iterator[None]:
    """Read a row of ours.

    Raises:
        UnreadableRow: It is none that tuned wrote.
    """
    try:
        yield
    except UnreadableRow:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableRow(f"a row holds no {what} ({error})") from error
