"""The options that `flags.DEFINE_float("lr", 0.1, "help")` and its like declare, of absl."""

from __future__ import annotations

import ast
from typing import Any

from tuned.core.script.argparse_calls import kind_of
from tuned.core.script.literals import UNKNOWN, called, choices_of, keywords, one_line, scalar, value_of
from tuned.core.script.option import Option, Truth

_TYPES = {"float": "float", "integer": "int", "string": "text", "enum": "text", "bool": "text", "boolean": "text"}


def absl_option(call: ast.Call, constants: dict[str, Any]) -> Option | None:
    """The option of one call; None when its name or its kind cannot be told."""
    word = called(call).rpartition(".")[2].removeprefix("DEFINE_")
    keys = dict(
        zip(("name", "default", *(("enum_values",) if word == "enum" else ()), "help"), call.args, strict=False)
    )
    keys |= keywords(call)
    name, default = value_of(keys.get("name"), constants), value_of(keys.get("default"), constants, UNKNOWN)
    if word not in _TYPES or not isinstance(name, str):
        return None
    known = None if default is UNKNOWN else default
    choices = choices_of(value_of(keys.get("enum_values"), constants))
    words = one_line(keys.get("help"), constants)
    kind = kind_of("" if choices else _TYPES[word], known, choices)
    truth: Truth = "words" if word.startswith("bool") else ""
    return Option(name, f"--{name}", kind, scalar(known), choices, help=words, dest=name, declared=True, truth=truth)
