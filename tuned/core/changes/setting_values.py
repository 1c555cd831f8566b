"""How the new value of a setting is read: from what a person typed, or from plain data. Owns the refusals of values."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

from tuned.core import allowed
from tuned.core.cards.shares import check_gpus
from tuned.core.durations import parse_duration
from tuned.core.names import nearest
from tuned.core.study.notices import KINDS, parse_command

Parse = Callable[[Any], Any]
"""From what was given to the value; raises `Wrong`."""


class Wrong(Exception):
    """A value does not fit; the arguments are what is wrong, and the remedy."""


def whole(low: int, high: int) -> Parse:
    """A whole number from `low` to `high`."""

    def parse(value: Any) -> int:
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if isinstance(value, bool) or not math.isfinite(number) or number != int(number):
            raise Wrong(f"{value!r} is not a whole number", "write digits")
        if not low <= number <= high:
            raise Wrong(f"{int(number)} is out of range", f"from {low} to {high}")
        return int(number)

    return parse


def real(low: float, high: float = math.inf) -> Parse:
    """A number from `low` to `high`."""

    def parse(value: Any) -> float:
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise Wrong(f"{value!r} is not a number", "write a number") from None
        if isinstance(value, bool) or not math.isfinite(number) or not low <= number <= high:
            allowed = f"at least {low:g}" if high == math.inf else f"{low:g} to {high:g}"
            raise Wrong(f"{value!r} is out of range", allowed)
        return number

    return parse


def gpus(value: Any) -> float:
    """So many GPUs, or a part of one."""
    try:
        return check_gpus(_plain_number(value))
    except ValueError as error:
        raise Wrong(str(error), "write 0, 1, 2, or a part such as 0.5") from None


def cores(value: Any) -> float:
    """Above 0; parts of a core are fine."""
    number: float = real(0.0, allowed.MOST_CORES)(value)
    if number <= 0:
        raise Wrong(f"{value!r} is out of range", f"above 0, to {allowed.MOST_CORES}")
    return number


def above_zero(value: Any) -> float:
    """Any number above 0."""
    number: float = real(0.0)(value)
    if number <= 0:
        raise Wrong(f"{value!r} is out of range", "above 0")
    return number


def duration(value: Any) -> float:
    """Seconds, or a text such as `1h30m`."""
    try:
        seconds = parse_duration(_plain_number(value))
    except ValueError as error:
        raise Wrong(str(error), "write 2h, 1h30m, 30s, or seconds") from None
    return seconds


def some_duration(value: Any) -> float:
    """A duration that is not 0."""
    seconds = duration(value)
    if seconds <= 0:
        raise Wrong("is no time at all", "write 2h, 1h30m, 30s, or seconds")
    return seconds


def _plain_number(value: Any) -> Any:
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def one_of(*words: str) -> Parse:
    """One of these words."""

    def parse(value: Any) -> str:
        if value not in words:
            raise Wrong(f"{value!r} is not one of {', '.join(words)}", nearest(value, words))
        return str(value)

    return parse


def one_line(value: Any) -> str:
    """A text that fits a line."""
    if not isinstance(value, str) or len(value) > allowed.LONGEST_LINE or not value.isprintable():
        raise Wrong("is no single line of text", f"write one plain line of at most {allowed.LONGEST_LINE} characters")
    return value


def kinds(value: Any) -> tuple[str, ...]:
    """Kinds of notices, as a list or with commas between them."""
    words = tuple(value.split(",")) if isinstance(value, str) else tuple(value or ())
    for word in words:
        one_of(*KINDS)(word)
    return words


def command(value: Any) -> tuple[str, ...]:
    """An argument list, also as JSON text."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise Wrong("is not a list", """write '["notify-send", "{title}", "{text}"]'""") from None
    try:
        return parse_command(value)
    except ValueError as error:
        raise Wrong(str(error), """write '["notify-send", "{title}", "{text}"]'""") from None
