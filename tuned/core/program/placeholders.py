"""Placeholders in arguments: `{lr}`, `{lr:.3g}`, `{run_dir}`, `{params}`, with `{{` and `}}` for braces.

Owns how a text with placeholders is read and how one value becomes text. Which text goes where is
`tuned.core.program.arguments`'s.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal

from tuned.core.errors import InvalidInput
from tuned.core.names import nearest
from tuned.core.space import Parameter, SearchSpace, Value, same_value

CONTEXT_NAMES = ("number", "seed", "study", "attempt", "stage", "run_dir", "checkpoint_dir", "port", "fold", "resume")
"""The names for placeholders other than parameters; a parameter of the same name wins."""

PARAMS = "params"
PARAMS_STYLES = ("", "hydra", "flags", "python")
LITERAL = "py"
"""`{x:py}`: the value as a Python literal."""
DIGIT = "d"
"""`{x:d}` of a true or false value: 1 or 0."""

_NEGATIVE_EXPONENT = re.compile(r"-[0-9.]+[eE][+-]?[0-9]+")
_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}:]+)(?::([^{}]*))?\}|[{}]")


@dataclass(frozen=True, slots=True)
class Placeholder:
    """One `{name:spec}`; `spec` is empty for `{name}`."""

    name: str
    spec: str = ""


def parse_template(text: str, where: str = "run.args") -> tuple[str | Placeholder, ...]:
    """The pieces of a text: literal text, braces unescaped, and placeholders.

    Raises:
        InvalidInput: A brace stands alone.
    """
    pieces: list[str | Placeholder] = []
    position = 0
    for match in _TOKEN.finditer(text):
        pieces.append(text[position : match.start()])
        position = match.end()
        if match[0] in ("{{", "}}"):
            pieces.append(match[0][0])
        elif match[1] is None:
            raise InvalidInput(
                f"a lone {match[0]} in {text!r}", where=where, hint="write {{ for a brace, {name} for a value"
            )
        else:
            pieces.append(Placeholder(match[1].strip(), match[2] or ""))
    pieces.append(text[position:])
    return tuple(piece for piece in pieces if piece)


def check_placeholder(placeholder: Placeholder, space: SearchSpace, where: str) -> None:
    """Refuse a placeholder that names nothing, or whose format does not fit what it names.

    Raises:
        InvalidInput: With the key's path and the remedy.
    """
    name, spec = placeholder.name, placeholder.spec
    if name == PARAMS:
        if spec not in PARAMS_STYLES:
            raise InvalidInput(
                f"there is no {{params:{spec}}}",
                where=where,
                hint="use {params}, {params:hydra}, {params:flags} or {params:python}",
            )
        return
    if name in space.names:
        if spec and spec != LITERAL:
            _check_format(space[name], spec, where)
        return
    if name not in CONTEXT_NAMES:
        hint = nearest(name, (*space.names, *CONTEXT_NAMES, PARAMS))
        raise InvalidInput(f"{{{name}}} names no parameter", where=where, hint=hint + ", or write {{ for a brace")
    if spec:
        raise InvalidInput(f"{{{name}}} takes no format", where=where, hint=f"write {{{name}}}")


def _check_format(parameter: Parameter, spec: str, where: str) -> None:
    label = f"{{{parameter.name}:{spec}}}"
    if parameter.kind == "bool":
        if spec != DIGIT:
            raise InvalidInput(f"{label}: true and false take no such format", where=where, hint="use :d for 1 and 0")
        return
    ends = [parameter.low, parameter.high] if parameter.kind in ("float", "int") else list(parameter.values)
    for end in ends:
        if isinstance(end, bool | str) or end is None:
            raise InvalidInput(f"{label}: only numbers take a format", where=where, hint=f"write {{{parameter.name}}}")
        try:
            rounded = rounded_value(parameter, end, spec)
        except ValueError as error:
            raise InvalidInput(f"{label}: {error}", where=where, hint="use a format such as .3g") from error
        if rounded != end:
            raise InvalidInput(
                f"{label} turns {end!r} into {rounded!r}",
                where=where,
                hint=f"use a finer format, or a rounder value in space.{parameter.name}",
            )


def rounded_value(parameter: Parameter, value: Value, spec: str) -> Value:
    """The number that a reader of the formatted text gets, in the parameter's type.

    Raises:
        ValueError: The format is unknown, or its text is no number.
    """
    number = float(format(value, spec))
    if not math.isfinite(number):
        raise ValueError("its text is not finite")
    if parameter.kind == "float" or isinstance(value, float):
        return number
    return int(number)


def recorded_value(parameter: Parameter, value: Value, spec: str) -> Value:
    """The value to store for a formatted parameter: the rounded one, kept inside the range."""
    if parameter.kind == "bool":
        return value
    rounded = rounded_value(parameter, value, spec)
    if parameter.kind in ("choice", "fixed"):
        return next((known for known in parameter.values if same_value(known, rounded)), value)
    assert parameter.low is not None and parameter.high is not None
    return min(max(rounded, parameter.low), parameter.high)


def formatted(value: Value, spec: str) -> str:
    """A value as its placeholder asks for it."""
    if spec == LITERAL:
        return repr(value)
    return format(value, spec) if spec else value_text(value)


def plain_number(text: str) -> str:
    """A negative number without an exponent, for an argument of its own; any other text as it is.

    argparse takes `-0.000047` for a value and `-4.7e-05` for an option that it does not know. Both are one number.
    """
    if not _NEGATIVE_EXPONENT.fullmatch(text):
        return text
    return format(Decimal(text), "f")


def value_text(value: Value) -> str:
    """A value as a command line spells it: numbers so that they read back equal, `true` and `false`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)
