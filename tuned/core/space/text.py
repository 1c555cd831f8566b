"""A parameter's value as text and back: the one pair for the command line, the terminal UI and all that prints a point.

A value with blanks, commas or quotes, or one that would be taken for another type, stands in quotes: `net="res net"`.
"""

from __future__ import annotations

import json
import math
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from tuned.core.errors import InvalidInput
from tuned.core.space.parameter import Value, same_value

_PLAIN = re.compile(r"[^\s\"',=*+#@\[\]{}\\()|;&<>$`!]+")


def write_value(value: Value, digits: int | None = None) -> str:
    """A value as `read_value` reads it back.

    Args:
        value: A string, a number or a truth value.
        digits: Significant digits of a float, where people read it; None: all.
    """
    if isinstance(value, str):
        if _PLAIN.fullmatch(value) and value.isprintable() and read_value(value) == value:
            return value
        # Characters that no table prints stand as their numbers.
        return json.dumps(value, ensure_ascii=not value.isprintable())
    if isinstance(value, float) and digits is not None:
        return f"{value:.{digits}g}"
    return json.dumps(value)


def read_value(text: str) -> Value:
    """The value that a text means without knowing its parameter: quoted text, a number, `true`, `false`, or a word.

    Raises:
        InvalidInput: A quote is not closed.
    """
    if text[:1] in ("'", '"'):
        return _unquoted(text)
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        if (kind is int or math.isfinite(number)) and "_" not in text and text.isascii():
            return number
    return text


def read_for(parameter: Mapping[str, Any], text: str) -> Value:
    """The value that a text means for a parameter.

    Args:
        parameter: One entry of the specification's `space.parameters`.
        text: As it was typed after `name=`, quoted or not.

    Raises:
        InvalidInput: It is no value of this parameter's type.
    """
    where = f"space.{parameter['name']}"
    if parameter["kind"] in ("choice", "bool", "fixed"):
        values: list[Value] = parameter["values"]
        meant = read_value(text) if text not in values else text
        for value in values:
            if same_value(value, meant):
                return value
        listed = ", ".join(json.dumps(value, ensure_ascii=False) for value in values)
        raise InvalidInput(f"{text!r} is not one of {listed}", where=where)
    number = read_value(text)
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise InvalidInput(f"{text!r} is not a number", where=where)
    if parameter["kind"] == "float":
        return float(number)
    if abs(number) > 2**62 or number != int(number):
        raise InvalidInput(f"{text!r} is not a whole number", where=where)
    return int(number)


def read_values(text: str, parameter: Mapping[str, Any] | None) -> Value | list[Value]:
    """One value, or the list of those between commas; a choice may have a value with a comma in it.

    Args:
        text: As it was typed after `name=`.
        parameter: As for `read_for`; None where it is not known: then it is for the daemon to say what fits.

    Raises:
        InvalidInput: One is no value of this parameter's type, or a quote is not closed.
    """
    parts = terms(text, ",")
    whole = len(parts) < 2 or (parameter is not None and text in parameter["values"])
    read = [
        read_value(part) if parameter is None else read_for(parameter, part) for part in ([text] if whole else parts)
    ]
    return read[0] if whole else read


def write_point(params: Mapping[str, Value], digits: int | None = None) -> str:
    """`lr=0.01 net="res net"`; each term is one of `terms`."""
    return " ".join(f"{name}={write_value(value, digits)}" for name, value in params.items())


def typed_point(params: Mapping[str, Value]) -> str:
    """A point as arguments of `tunectl enqueue`, quoted for a shell."""
    return shlex.join(f"{name}={write_value(value)}" for name, value in params.items())


def terms(text: str, separator: str = " ") -> list[str]:
    """The pieces of a line between separators that are in no quotes and no bracket; empty ones are left out."""
    found, piece, depth = [], "", 0
    for part, quoted in _parts(text):
        if quoted:
            piece += part
            continue
        depth += (part in "[{") - (part in "]}")
        if depth <= 0 and (part.isspace() if separator == " " else part == separator):
            found.append(piece)
            piece = ""
        else:
            piece += part
    return [term for term in (piece.strip() for piece in [*found, piece]) if term]


def _parts(text: str) -> Iterator[tuple[str, bool]]:
    """Characters, and quoted stretches as a whole. A quote begins one at a value's start alone: `it's` is a word."""
    i = 0
    while i < len(text):
        end = _closing(text, i) if text[i] in "\"'" and (i == 0 or not text[i - 1].isalnum()) else i
        yield text[i : end + 1], end > i
        i = end + 1


def _closing(text: str, start: int) -> int:
    """Where the quote that opens at `start` closes; `start` itself when it does not."""
    i = start + 1
    while i < len(text):
        if text[i] == "\\":
            i += 1
        elif text[i] == text[start]:
            return i
        i += 1
    return start


def _unquoted(text: str) -> str:
    if len(text) > 1 and _closing(text, 0) == len(text) - 1:
        if text[0] == "'":
            return re.sub(r"\\([\\'])", r"\1", text[1:-1])
        try:
            return str(json.loads(text, strict=False))
        except ValueError:
            pass
    raise InvalidInput(f"{text} has a quote that is not closed", where="value", hint='write "res net"')
