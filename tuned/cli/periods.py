"""Lengths of time on the command line: `12h`, `90m`, `1h30m`, or plain seconds."""

from __future__ import annotations

import math

import click

from tuned.core import words
from tuned.core.durations import parse_duration


class LengthOfTime(click.ParamType[float]):
    """A length of time in seconds, within bounds."""

    name = "time"

    def __init__(self, least: float = 0.0, most: float = math.inf) -> None:
        self._least = least
        self._most = most

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number of seconds."""
        try:
            plain = isinstance(value, str) and value.replace(".", "", 1).isdecimal()
            seconds = parse_duration(float(str(value)) if plain else value)
        except ValueError as error:
            self.fail(f"{error} (write 90, 30s, 5m, 2h or 1h30m)", param, ctx)
        if seconds < self._least:
            self.fail(f"{value!r} is too short (write {words.length(self._least)} or more)", param, ctx)
        if seconds > self._most:
            self.fail(f"{value!r} is too long (write {words.length(self._most)} or less)", param, ctx)
        return seconds
