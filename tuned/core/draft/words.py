"""`lr=log:1e-5..1e-1 batch=16,32,64 width=int:16..512 amp=bool epochs=20`: a search space in the words of a shell.

Owns that spelling.
"""

from __future__ import annotations

import re
from typing import Any

from tuned.core.errors import InvalidInput

_RANGE = re.compile(r"(?:(?P<how>[a-z]+(?::[a-z]+)*):)?(?P<low>[^.,]*(?:\.\d[^.,]*)?)\.\.(?P<high>[^,]+)")
_INT = re.compile(r"[+-]?\d+")
_FORMS = "write lr=log:1e-5..1e-1, width=16..512, batch=16,32,64, amp=bool or epochs=20"


def parse_word(word: str) -> tuple[str, Any]:
    """A parameter's name and its entry in `[space]`.

    Raises:
        InvalidInput: It is none of the forms.
    """
    name, equals, text = word.partition("=")
    name = name.strip().removeprefix("--")
    if not equals or not name or not text:
        raise InvalidInput("is no KEY=RANGE", where=word, hint=_FORMS)
    match = _RANGE.fullmatch(text)
    if match is not None:
        return name, _range(word, match)
    if text == "bool":
        return name, {"type": "bool"}
    if "," in text:
        values = [_scalar(part.strip()) for part in text.split(",")]
        if any(part == "" for part in values):
            raise InvalidInput("lists an empty value", where=word, hint=_FORMS)
        return name, values
    return name, _scalar(text)


def _range(word: str, match: re.Match[str]) -> dict[str, Any]:
    how = set((match["how"] or "").split(":")) - {""}
    if not how <= {"log", "int", "float"} or {"int", "float"} <= how:
        raise InvalidInput(f"{match['how']!r} is no kind of range", where=word, hint="log:, int: or float:")
    try:
        low, high = float(match["low"]), float(match["high"])
    except ValueError:
        raise InvalidInput("its ends are no numbers", where=word, hint=_FORMS) from None
    whole = "int" in how or (
        "float" not in how and bool(_INT.fullmatch(match["low"]) and _INT.fullmatch(match["high"]))
    )
    entry: dict[str, Any] = {"type": "int" if whole else "float", "low": low, "high": high}
    if whole and low == int(low) and high == int(high):
        entry |= {"low": int(low), "high": int(high)}
    return {**entry, "log": True} if "log" in how else entry


def _scalar(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    if _INT.fullmatch(text):
        return int(text)
    try:
        return float(text)
    except ValueError:
        return text
