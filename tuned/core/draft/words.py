"""`lr=log:1e-5..1e-1 batch=16,32,64 width=int:16..512 amp=bool epochs=20`: a search space in the words of a shell.

Owns that spelling.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tuned.core.errors import InvalidInput
from tuned.core.script.option import Option

_RANGE = re.compile(r"(?:(?P<how>[a-z]+(?::[a-z]+)*):)?(?P<low>[^.,]*(?:\.\d[^.,]*)?)\.\.(?P<high>[^,]+)")
_INT = re.compile(r"[+-]?\d+")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_FORMS = "write lr=log:1e-5..1e-1, width=16..512, batch=16,32,64, amp=bool or epochs=20"


def parse_word(word: str, option_of: Callable[[str], Option | None] = lambda _: None) -> tuple[str, Any]:
    """A parameter's name and its entry in `[space]`.

    Args:
        word: As it was typed.
        option_of: The script's option of a name, whose declared type decides where there is one.

    Raises:
        InvalidInput: It is none of the forms, or no value of the option's type.
    """
    name, equals, text = word.partition("=")
    name = name.strip().removeprefix("--")
    if not equals or not name or not text:
        raise InvalidInput("is no KEY=RANGE", where=word, hint=_FORMS)
    option = option_of(name)
    kind = _kind_of(option)
    match = _RANGE.fullmatch(text)
    if match is not None:
        return name, _range(word, match, kind)
    if text == "bool":
        return name, {"type": "bool"}
    values = [part.strip() for part in text.split(",")]
    if any(part == "" for part in values):
        raise InvalidInput("lists an empty value", where=word, hint=_FORMS)
    entry = _scalars(word, values, kind, option.flag or option.name if option else name)
    return name, entry if "," in text else entry[0]


def _kind_of(option: Option | None) -> str:
    """`int`, `float` or `text` as the option declares or defaults to; empty where spelling has to decide."""
    if option is None or option.kind == "flag":
        return ""
    if option.declared or option.kind != "text":
        return option.kind
    return "text" if isinstance(option.default, str) and not _is_number(option.default) else ""


def _range(word: str, match: re.Match[str], kind: str) -> dict[str, Any]:
    how = set((match["how"] or "").split(":")) - {""}
    if not how <= {"log", "int", "float"} or {"int", "float"} <= how:
        raise InvalidInput(f"{match['how']!r} is no kind of range", where=word, hint="log:, int: or float:")
    try:
        low, high = float(match["low"]), float(match["high"])
    except ValueError:
        raise InvalidInput("its ends are no numbers", where=word, hint=_FORMS) from None
    spelled = bool(_INT.fullmatch(match["low"]) and _INT.fullmatch(match["high"]))
    whole = "int" in how or ("float" not in how and (spelled if kind in ("", "text") else kind == "int"))
    entry: dict[str, Any] = {"type": "int" if whole else "float", "low": low, "high": high}
    if whole and low == int(low) and high == int(high):
        entry |= {"low": int(low), "high": int(high)}
    return {**entry, "log": True} if "log" in how else entry


def _scalars(word: str, values: list[str], kind: str, option: str) -> list[Any]:
    """The values, all of one type: the option's, or else numbers where all of them keep their spelling as such."""
    if all(value in ("true", "false") for value in values):
        return [value == "true" for value in values]
    if kind == "text":
        return list(values)
    if kind in ("int", "float"):
        wrong = next((value for value in values if not (_INT if kind == "int" else _NUMBER).fullmatch(value)), None)
        if wrong is not None:
            named = "a whole number" if kind == "int" else "a number"
            raise InvalidInput(f"the script takes {option} as {named}, not {wrong!r}", where=word, hint=_FORMS)
        return [int(value) if _INT.fullmatch(value) else float(value) for value in values]
    if not all(_is_number(value) and _keeps(value) for value in values):
        return list(values)
    return [int(value) if _INT.fullmatch(value) else float(value) for value in values]


def _keeps(text: str) -> bool:
    """Whether a text is a number rather than a label: `01` would come back as 1."""
    return re.match(r"[+-]?0\d", text) is None


def _is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None
