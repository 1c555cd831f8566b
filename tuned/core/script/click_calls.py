"""The options that `click.option` and `click.argument` declare."""

from __future__ import annotations

import ast
from typing import Any

from tuned.core.script.argparse_calls import kind_of
from tuned.core.script.literals import called, choices_of, dotted, keywords, one_line, scalar, value_of
from tuned.core.script.option import Option, Truth, Value

_RANGES = {"IntRange": "int", "FloatRange": "float"}
_TYPES = {"float": "float", "int": "int", "integer": "int", "str": "str", "string": "str", "bool": "bool"}


def click_option(call: ast.Call, constants: dict[str, Any], positional: bool) -> Option | None:
    """The option of one call; None when it is computed."""
    names = [value for value in (value_of(arg, constants) for arg in call.args) if isinstance(value, str)]
    flags = [name for name in names if name.startswith("-")]
    if not names or (not flags and not positional):
        return None
    keys = keywords(call)
    default, kind = value_of(keys.get("default"), constants), keys.get("type")
    choices: tuple[Value, ...] = ()
    if isinstance(kind, ast.Call) and kind.args and called(kind).endswith("Choice"):
        choices = choices_of(value_of(kind.args[0], constants))
    ons = [flag.partition("/")[0].strip() for flag in flags]
    offs = [flag.partition("/")[2].strip() for flag in flags if "/" in flag]
    flag = "" if positional else next((name for name in ons if name.startswith("--")), ons[0])
    bare = next((name for name in names if not name.startswith("-")), "")
    options: dict[str, Any] = {
        "name": (flag or names[0]).lstrip("-"),
        "flag": flag,
        "help": one_line(keys.get("help"), constants),
        "positional": positional,
        "many": "nargs" in keys or value_of(keys.get("multiple"), constants) is True,
        "required": value_of(keys.get("required"), constants) is True or (positional and "default" not in keys),
        "dest": (bare or (flag or names[0]).lstrip("-")).replace("-", "_").lower(),
    }
    if value_of(keys.get("is_flag"), constants) is True or offs:
        off = next((name for name in offs if name.startswith("--")), offs[0] if offs else "")
        unknown: Truth = "unknown" if "default" in keys and default is None and not offs else ""
        return Option(kind="flag", on=default is True, off=off, declared=True, truth=unknown, **options)
    name = _TYPES.get("" if kind is None else dotted(kind).rpartition(".")[2].lower(), "")
    if isinstance(kind, ast.Call) and (ranged := _RANGES.get(called(kind).rpartition(".")[2])):
        name = ranged
        options["least"], options["most"] = _bounds(kind, constants)
    words = name == "bool" or (kind is None and isinstance(default, bool))
    return Option(
        kind=kind_of("text" if name == "str" else name, default, choices),
        default=scalar(default),
        choices=choices,
        declared=bool(name) or (kind is None and default is not None),
        truth="words" if words else "",
        **options,
    )


def _bounds(call: ast.Call, constants: dict[str, Any]) -> tuple[float | None, float | None]:
    """The ends of `IntRange(1, 5)` and `FloatRange(min=0)`."""
    given = dict(zip(("min", "max"), call.args, strict=False)) | keywords(call)
    ends = [value_of(given.get(end), constants) for end in ("min", "max")]
    least, most = (end if isinstance(end, int | float) else None for end in ends)
    return least, most
