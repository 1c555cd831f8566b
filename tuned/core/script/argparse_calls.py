"""The options that `add_argument` calls declare, and the pairs that switch one value on and off."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Any

from tuned.core.script.literals import UNKNOWN, choices_of, dotted, keywords, one_line, scalar, value_of
from tuned.core.script.option import Kind, Option, Truth, Value

_SWITCHES = ("store_true", "store_false", "store_const", "count")


def argparse_option(call: ast.Call, constants: dict[str, Any]) -> Option | None:
    """The option of one `add_argument` call; None when it is computed, or `--help`."""
    names = [value for value in (value_of(arg, constants) for arg in call.args) if isinstance(value, str)]
    if not names:
        return None
    keys = keywords(call)
    flags = [name for name in names if name.startswith("-")]
    flag = next((name for name in flags if name.startswith("--")), flags[0] if flags else "")
    action = _action(keys.get("action"), constants)
    if action in ("help", "version"):
        return None
    default = value_of(keys.get("default"), constants, UNKNOWN if "default" in keys else None)
    dest = value_of(keys.get("dest"), constants)
    options: dict[str, Any] = {
        "name": (flag or names[0]).lstrip("-"),
        "flag": flag,
        "help": one_line(keys.get("help"), constants),
        "positional": not flag,
        "many": ("nargs" in keys and value_of(keys["nargs"], constants) != "?") or action in ("append", "extend"),
        "required": value_of(keys.get("required"), constants) is True or (not flag and "default" not in keys),
        "dest": dest if isinstance(dest, str) else (flag or names[0]).lstrip("-").replace("-", "_"),
    }
    if action in _SWITCHES:
        inverts = action == "store_false"
        on = default is True or (inverts and "default" not in keys)
        unknown: Truth = "unknown" if default is UNKNOWN or action == "count" else ""
        return Option(kind="flag", on=on, inverts=inverts, declared=True, truth=unknown, **options)
    if action == "BooleanOptionalAction":
        known = default if isinstance(default, bool) else None
        off = f"--no-{flag.removeprefix('--')}"
        return Option(kind="flag", on=default is True, default=known, off=off, declared=True, **options)
    known = None if default is UNKNOWN else default
    choices = choices_of(value_of(keys.get("choices"), constants))
    node = keys.get("type")
    return Option(
        kind=kind_of(_type_name(node), known, choices),
        default=scalar(known),
        choices=choices,
        declared=_type_name(node) in ("float", "int", "str", "bool"),
        truth=_truth(node),
        **options,
    )


def paired(options: list[Option]) -> list[Option]:
    """The options with `--bn` and `--no-bn` of one value made one; the first one declared holds the default."""
    found: list[Option] = []
    for option in options:
        twin = next((o for o in found if _is_pair(o, option)), None)
        if twin is None:
            found.append(option)
            continue
        positive, negative = (option, twin) if twin.inverts else (twin, option)
        found[found.index(twin)] = replace(positive, on=twin.on, off=negative.flag)
    return found


def _is_pair(one: Option, other: Option) -> bool:
    switches = one.kind == other.kind == "flag" and not one.off and not other.off
    return switches and one.dest == other.dest and one.inverts != other.inverts


def kind_of(type_name: str, default: Any, choices: tuple[Value, ...]) -> Kind:
    """The kind that a type's name gives, or else a default or the first choice."""
    for name in ("float", "int"):
        if type_name.startswith(name):
            return name
    if type_name:
        return "text"
    sample = default if default is not None else (choices[0] if choices else None)
    if isinstance(sample, bool):
        return "text"
    return "float" if isinstance(sample, float) else "int" if isinstance(sample, int) else "text"


def _action(node: ast.expr | None, constants: dict[str, Any]) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Name) and node.id not in constants:
        return node.id
    value = value_of(node, constants)
    return value if isinstance(value, str) else ""


def _type_name(node: ast.expr | None) -> str:
    return "" if node is None else dotted(node).rpartition(".")[2].lower()


def _truth(node: ast.expr | None) -> Truth:
    """How `type=` turns a text into true or false; without a type the code gets the text itself."""
    match _type_name(node):
        case "bool":
            return "any_text"
        case "int" | "float":
            return ""
        case "eval" | "literal_eval":
            return "python"
        case "strtobool" | "loads":
            return "words"
    return "unknown"
