"""Lengths of time on the command line: `12h`, `90m`, `1h30m`, or plain seconds."""

from __future__ import annotations

import click

from tuned.core.durations import parse_duration


class LengthOfTime(click.ParamType[float]):
    """A length of time in seconds."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number of seconds."""
        try:
            plain = isinstance(value, str) and value.replace(".", "", 1).isdecimal()
            return parse_duration(float(str(value)) if plain else value)
        except ValueError as error:
            self.fail(f"{error} (write 90, 30s, 5m, 2h or 1h30m)", param, ctx)
