"""Plain JSON data to the wire's dataclasses.

Owns that translation alone. Fields it does not know are ignored, so that an older client reads a newer daemon.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable
from functools import cache
from typing import Any

from tuned import wire, wire_steering
from tuned.client import pages
from tuned.core.errors import Unavailable

Decoder = Callable[[Any], Any]


def decode(name: str, data: Any, many: bool = False) -> Any:
    """The data as a value of a wire dataclass.

    Args:
        name: Name of the dataclass.
        data: What a JSON parser gave.
        many: Whether it is a list of them.

    Raises:
        Unavailable: A field that it needs is missing, or the data has another shape.
    """
    try:
        read = _decoder(getattr(pages, name, None) or getattr(wire_steering, name, None) or getattr(wire, name))
        return [read(entry) for entry in _expect(list, data)] if many else read(data)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise Unavailable(
            f"the daemon's answer has another shape than {name}: {error}",
            hint="the daemon is of another version; restart it with: tunectl daemon stop",
        ) from error


@cache
def _decoder(kind: Any) -> Decoder:
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _dataclass_decoder(kind)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is list:
        item = _decoder(arguments[0])
        return lambda data: [item(entry) for entry in _expect(list, data)]
    if origin is dict:
        value = _decoder(arguments[1])
        return lambda data: {key: value(entry) for key, entry in _expect(dict, data).items()}
    if origin in (typing.Union, types.UnionType):
        return _union_decoder(arguments)
    return lambda data: data


def _dataclass_decoder(kind: type) -> Decoder:
    hints = typing.get_type_hints(kind)
    fields = [(field.name, _decoder(hints[field.name])) for field in dataclasses.fields(kind)]

    def build(data: Any) -> Any:
        known = _expect(dict, data)
        return kind(**{name: read(known[name]) for name, read in fields if name in known})

    return build


def _union_decoder(arguments: tuple[Any, ...]) -> Decoder:
    shaped = [a for a in arguments if dataclasses.is_dataclass(a) or typing.get_origin(a) in (list, dict)]
    if not shaped:
        return lambda data: data
    inner = _decoder(shaped[0])
    return lambda data: None if data is None else inner(data)


def _expect(kind: type, data: Any) -> Any:
    if not isinstance(data, kind):
        raise TypeError(f"{kind.__name__} expected, not {type(data).__name__}")
    return data
