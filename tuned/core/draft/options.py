"""The options of a Python script, read from its text without running it.

Owns what `argparse` and `click` calls, and `tuned.current_trial(defaults=...)`, say about them. What an option is worth
tuning over is `tuned.core.draft.ranges`'s.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["float", "int", "text", "flag"]
Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Option:
    """One option.

    Attributes:
        name: As the code knows it: no leading dashes; dashes within are kept.
        flag: As it is typed, e.g. `--lr`; empty for a positional argument, and for a parameter taken through the SDK.
        kind: `flag` takes no value.
        default: None when the text does not say.
        choices: Allowed values; empty for all.
        many: It takes several values.
        help: Its own words.
        positional: It stands alone, without a flag.
        on: For a flag: what it is without being given (`store_false` is on).
    """

    name: str
    flag: str
    kind: Kind
    default: Value | None = None
    choices: tuple[Value, ...] = ()
    required: bool = False
    many: bool = False
    help: str = ""
    positional: bool = False
    on: bool = False


@dataclass(frozen=True, slots=True)
class ScriptOptions:
    """What a script takes, and how: `argparse`, `click`, `tuned`, `hydra`, or `` when none of them was found."""

    how: Literal["argparse", "click", "tuned", "hydra", ""]
    options: tuple[Option, ...] = ()


def read_options(tree: ast.Module) -> ScriptOptions:
    """The options of a script.

    Args:
        tree: Its text, parsed.
    """
    constants = _constants(tree)
    calls = sorted(
        (node for node in ast.walk(tree) if isinstance(node, ast.Call)), key=lambda call: (call.lineno, call.col_offset)
    )
    found: dict[str, Option] = {}
    how: Literal["argparse", "click", ""] = ""
    for call in calls:
        name = _called(call)
        option = None
        if name.endswith(".add_argument"):
            option, how = _argparse(call, constants), "argparse"
        elif name in ("click.option", "option", "click.argument", "argument"):
            option, how = _click(call, constants, positional=name.endswith("argument")), "click"
        if option is not None:
            found.setdefault(option.name, option)
    for name, default in _set_defaults(calls, constants):
        if name in found:
            found[name] = _with_default(found[name], default)
    if found:
        return ScriptOptions(how, tuple(found.values()))
    taken = tuple(_from_defaults(calls, constants)) or tuple(_from_subscripts(tree))
    if taken:
        return ScriptOptions("tuned", taken)
    hydra = any(_called(call).endswith("hydra.main") for call in calls)
    return ScriptOptions("hydra" if hydra else "")


def _argparse(call: ast.Call, constants: dict[str, Any]) -> Option | None:
    names = [value for value in (_value(arg, constants) for arg in call.args) if isinstance(value, str)]
    if not names:
        return None
    keys = {word.arg: word.value for word in call.keywords if word.arg}
    flags = [name for name in names if name.startswith("-")]
    flag = next((name for name in flags if name.startswith("--")), flags[0] if flags else "")
    action = _action(keys.get("action"), constants)
    if action in ("help", "version"):
        return None
    default = _value(keys.get("default"), constants)
    choices = _choices(_value(keys.get("choices"), constants))
    options: dict[str, Any] = {
        "name": (flag or names[0]).lstrip("-"),
        "flag": flag,
        "help": _help(keys.get("help"), constants),
        "positional": not flag,
        "many": ("nargs" in keys and _value(keys["nargs"], constants) != "?") or action in ("append", "extend"),
        "required": _value(keys.get("required"), constants) is True or (not flag and "default" not in keys),
    }
    if action in ("store_true", "store_false", "store_const", "count"):
        return Option(kind="flag", on=action == "store_false", **options)
    if action == "BooleanOptionalAction":
        return Option(
            kind="flag", on=default is True, default=default if isinstance(default, bool) else None, **options
        )
    return Option(
        kind=_kind(_type_name(keys.get("type")), default, choices),
        default=_scalar(default),
        choices=choices,
        **options,
    )


def _click(call: ast.Call, constants: dict[str, Any], positional: bool) -> Option | None:
    names = [value for value in (_value(arg, constants) for arg in call.args) if isinstance(value, str)]
    flags = [name for name in names if name.startswith("-")]
    if not names or (not flags and not positional):
        return None
    keys = {word.arg: word.value for word in call.keywords if word.arg}
    default, kind = _value(keys.get("default"), constants), keys.get("type")
    choices: tuple[Value, ...] = ()
    if isinstance(kind, ast.Call) and kind.args and _called(kind).endswith("Choice"):
        choices = _choices(_value(kind.args[0], constants))
    flag = "" if positional else next((name for name in flags if name.startswith("--")), flags[0])
    on_off = flag.partition("/")[0]
    options: dict[str, Any] = {
        "name": (on_off or names[0]).lstrip("-"),
        "flag": on_off,
        "help": _help(keys.get("help"), constants),
        "positional": positional,
        "many": "nargs" in keys or _value(keys.get("multiple"), constants) is True,
        "required": _value(keys.get("required"), constants) is True or (positional and "default" not in keys),
    }
    if _value(keys.get("is_flag"), constants) is True or "/" in flag:
        return Option(kind="flag", on=default is True, **options)
    return Option(kind=_kind(_type_name(kind), default, choices), default=_scalar(default), choices=choices, **options)


def _set_defaults(calls: list[ast.Call], constants: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for call in calls:
        if _called(call).endswith(".set_defaults"):
            for word in call.keywords:
                if word.arg:
                    yield word.arg, _value(word.value, constants)


def _with_default(option: Option, default: Any) -> Option:
    from dataclasses import replace

    if option.kind == "flag":
        return replace(option, on=default is True)
    return replace(option, default=_scalar(default), required=False)


def _from_defaults(calls: list[ast.Call], constants: dict[str, Any]) -> Iterator[Option]:
    """What `tuned.current_trial(defaults={...})` names."""
    for call in calls:
        if _called(call).rpartition(".")[2] != "current_trial":
            continue
        given = [word.value for word in call.keywords if word.arg == "defaults"] or call.args[:1]
        known = _value(given[0], constants) if given else None
        if given and not isinstance(known, dict):
            # Computed from a table at the module's top: that table's names and values are still what it takes.
            known = next((v for k, v in constants.items() if isinstance(v, dict) and "default" in k.lower()), None)
        for name, default in known.items() if isinstance(known, dict) else ():
            if isinstance(name, str):
                kind: Kind = "flag" if isinstance(default, bool) else _kind("", default, ())
                yield Option(name, "", kind, _scalar(default), on=default is True)


def _from_subscripts(tree: ast.Module) -> Iterator[Option]:
    """The names in `trial.params["lr"]`, for scripts that give no defaults."""
    seen: set[str] = set()
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Subscript)
            and isinstance(node.value, ast.Attribute)
            and node.value.attr == "params"
            and isinstance(node.slice, ast.Constant)
            and isinstance(node.slice.value, str)
            and node.slice.value not in seen
        ):
            seen.add(node.slice.value)
            yield Option(node.slice.value, "", "float", required=True)


def _called(call: ast.Call) -> str:
    """`parser.add_argument` of a call of it; the last name alone where what comes before is no plain name."""
    parts: list[str] = []
    node: ast.expr = call.func
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    parts.append(node.id if isinstance(node, ast.Name) else "")
    return ".".join(reversed(parts))


def _constants(tree: ast.Module) -> dict[str, Any]:
    """Names that the module sets once, at its top, to a literal."""
    found: dict[str, Any] = {}
    for node in tree.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if isinstance(node, ast.Assign | ast.AnnAssign) and len(targets) == 1 and isinstance(targets[0], ast.Name):
            name = targets[0].id
            value = _value(node.value, found)
            found[name] = None if name in found else value
    return found


def _value(node: ast.expr | None, constants: dict[str, Any]) -> Any:
    """The value of a literal, of a top-level constant, or of simple arithmetic on them; None for anything else."""
    if node is None:
        return None
    if isinstance(node, ast.Name):
        return constants.get(node.id)
    if isinstance(node, ast.Call) and _called(node) in ("list", "tuple", "sorted", "dict") and len(node.args) == 1:
        return _value(node.args[0], constants)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "keys":
        return _value(node.func.value, constants)
    if isinstance(node, ast.Call) and _called(node) == "dict":
        return {word.arg: _value(word.value, constants) for word in node.keywords if word.arg}
    if isinstance(node, ast.Dict):
        keys = [_value(key, constants) for key in node.keys]
        return {
            k: _value(v, constants) for k, v in zip(keys, node.values, strict=True) if isinstance(k, str | int | float)
        }
    if isinstance(node, ast.BinOp):
        return _arithmetic(node, _value(node.left, constants), _value(node.right, constants))
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _arithmetic(node: ast.BinOp, left: Any, right: Any) -> Any:
    if any(isinstance(side, bool) or not isinstance(side, int | float) for side in (left, right)):
        return None
    try:
        match node.op:
            case ast.Mult():
                return left * right
            case ast.Div():
                return left / right
            case ast.Add():
                return left + right
            case ast.Sub():
                return left - right
            case ast.Pow() if abs(right) <= 64:
                return left**right
    except (ArithmeticError, ValueError):
        pass
    return None


def _action(node: ast.expr | None, constants: dict[str, Any]) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Name) and node.id not in constants:
        return node.id
    value = _value(node, constants)
    return value if isinstance(value, str) else ""


def _type_name(node: ast.expr | None) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr.lower()
    return node.id if isinstance(node, ast.Name) else ""


def _kind(type_name: str, default: Any, choices: tuple[Value, ...]) -> Kind:
    for name in ("float", "int"):
        if type_name.startswith(name):
            return name
    if type_name:
        return "text"
    sample = default if default is not None else (choices[0] if choices else None)
    if isinstance(sample, bool):
        return "text"
    return "float" if isinstance(sample, float) else "int" if isinstance(sample, int) else "text"


def _choices(value: Any) -> tuple[Value, ...]:
    if isinstance(value, range):
        value = list(value)
    if not isinstance(value, list | tuple | set | frozenset | dict):
        return ()
    items = sorted(value, key=str) if isinstance(value, set | frozenset) else list(value)
    return tuple(dict.fromkeys(item for item in items if isinstance(item, str | int | float)))


def _scalar(value: Any) -> Value | None:
    return value if isinstance(value, str | int | float | bool) else None


def _help(node: ast.expr | None, constants: dict[str, Any]) -> str:
    value = _value(node, constants)
    return " ".join(value.split()) if isinstance(value, str) else ""
