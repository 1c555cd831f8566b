"""Plain JSON data to the wire's dataclasses.

Owns that translation alone. Fields it does not know are ignored, so that an older client reads a newer daemon.
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Callable
from functools import cache
from typing import Any

from tuned import wire
from tuned.core.errors import Unavailable

Decoder = Callable[[Any], Any]


def decode(name: str, data: Any, many: bool = False) -> Any:
    """The data as a value of a wire dataclass.

    Args:
        name: Name of the dataclass.
        data: The value from a JSON parser.
        many: Whether it is a list of them.

    Raises:
        Unavailable: A field that it needs is missing, or the data has another shape.
    """
    try:
        read = _reader(ast.parse(name, mode="eval").body)
        return [read(entry) for entry in _expect(list, data)] if many else read(data)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise Unavailable(
            f"the daemon's answer has another shape than {name}: {error}",
            hint="the daemon is of another version; restart it with: tunectl daemon stop",
        ) from error


@cache
def _dataclass_decoder(kind: type) -> Decoder:
    fields = [(field.name, _reader(ast.parse(str(field.type), mode="eval").body)) for field in dataclasses.fields(kind)]

    def build(data: Any) -> Any:
        known = _expect(dict, data)
        return kind(**{name: read(known[name]) for name, read in fields if name in known})

    return build


def _reader(annotation: ast.expr) -> Decoder:
    """The decoder of an annotation, which is read as text, because Python 3.9 cannot evaluate `str | None`."""
    if isinstance(annotation, ast.Name):
        kind = _named(annotation.id)
        return _as_it_is if kind is None else lambda data: _dataclass_decoder(kind)(data)
    if isinstance(annotation, ast.Subscript) and isinstance(annotation.value, ast.Name):
        name, inner = annotation.value.id, annotation.slice
        if name == "list":
            item = _reader(inner)
            return lambda data: [item(entry) for entry in _expect(list, data)]
        if name == "dict" and isinstance(inner, ast.Tuple):
            value = _reader(inner.elts[1])
            return lambda data: {key: value(entry) for key, entry in _expect(dict, data).items()}
    if isinstance(annotation, ast.BinOp):
        readers = [read for read in (_reader(annotation.left), _reader(annotation.right)) if read is not _as_it_is]
        return (lambda data: None if data is None else readers[0](data)) if readers else _as_it_is
    return _as_it_is


def _as_it_is(data: Any) -> Any:
    return data


def _named(name: str) -> type | None:
    kind = getattr(wire, name, None)
    return kind if isinstance(kind, type) and dataclasses.is_dataclass(kind) else None


def _expect(kind: type, data: Any) -> Any:
    if not isinstance(data, kind):
        raise TypeError(f"{kind.__name__} expected, not {type(data).__name__}")
    return data
