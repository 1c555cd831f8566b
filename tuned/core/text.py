"""Text from outside that is going to be stored, sent and printed.

Owns what may not pass: bytes that are no UTF-8, and control characters on their way to a terminal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tuned.core.errors import InvalidInput

_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_].*?(?:\x07|\x1b\\|$)|[ -/]*[0-~])")


def printable(line: str) -> str:
    """The line without colours and other control characters, safe on every terminal."""
    if line.isprintable():
        return line.rstrip()
    return "".join(c if c.isprintable() else " " for c in _ESCAPE.sub("", line)).rstrip()


def one_line(text: str, width: int = 80) -> str:
    """The text on one line, cut with an ellipsis."""
    flat = " ".join(text.split())
    return flat if len(flat) <= width else flat[: width - 1] + "…"


def check_encodable(value: Any, where: str) -> None:
    """Refuse lone surrogates: Python makes them of a path's bytes that are no UTF-8, and JSON can hold them.

    Args:
        value: Plain data; every text and key in it is looked at.
        where: Its kind, or the path of its key; empty for a whole study file.

    Raises:
        InvalidInput: A text holds one; no database and no reply could.
    """
    if isinstance(value, Mapping):
        for key, inner in value.items():
            check_encodable(str(key), where)
            check_encodable(inner, f"{where}.{key}" if where else str(key))
    elif isinstance(value, list | tuple):
        for inner in value:
            check_encodable(inner, where)
    elif isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InvalidInput(f"{value!a} is not UTF-8 text", where=where or "study", hint="rename it") from None
