"""Options that a script reads from its environment: `LR = float(os.environ.get("LR", "0.1"))`.

Owns that habit. Numbers and switches alone: a text in the environment is seldom a setting of the training.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from tuned.core.parsing import parsed
from tuned.core.script.literals import called, constants_of, dotted, value_of
from tuned.core.script.option import Option, ScriptOptions, Truth

_SWITCHES: dict[str, Truth] = {"1": "", "true": "words", "True": "python"}
"""The text that a variable is compared with -> how its value is spelled; none: 1 or 0."""


def environment_options(text: str) -> ScriptOptions:
    """The options of a script that reads numbers from its environment and takes nothing else.

    Args:
        text: The script's, which is Python.
    """
    tree = parsed(text)
    found = {option.name: option for option in _options(tree, constants_of(tree))}
    return ScriptOptions("environment", tuple(found.values())) if found else ScriptOptions("")


def _options(tree: ast.Module, constants: dict[str, Any]) -> Iterator[Option]:
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Call | ast.Compare)]
    for node in sorted(nodes, key=lambda node: (node.lineno, node.col_offset)):
        match node:
            case ast.Call(func=ast.Name(id="float" | "int" as kind), args=[inner]):
                name, default = _read(inner, constants)
                if name:
                    number = _number(default, kind)
                    yield Option(name, "", kind, number, required=number is None, dest=name, declared=True)
            case ast.Compare(left=inner, ops=[ast.Eq()], comparators=[ast.Constant(value=str(word))]):
                if isinstance(inner, ast.Call) and called(inner).endswith(".lower"):
                    inner = inner.func.value  # type: ignore[attr-defined]
                name, default = _read(inner, constants)
                if name and word in _SWITCHES:
                    yield Option(
                        name,
                        "",
                        "flag",
                        on=str(default) == word,
                        off=f"{name}=",
                        dest=name,
                        declared=True,
                        truth=_SWITCHES[word],
                    )


def _read(node: ast.expr, constants: dict[str, Any]) -> tuple[str, Any]:
    """The variable that an expression reads, and its default; an empty name where it reads none."""
    if isinstance(node, ast.Subscript) and dotted(node.value).rpartition(".")[2] == "environ":
        return str(value_of(node.slice, constants, "")), None
    if isinstance(node, ast.Call) and node.args and called(node).endswith(("environ.get", "getenv")):
        name = value_of(node.args[0], constants, "")
        return str(name), value_of(node.args[1], constants) if len(node.args) > 1 else None
    return "", None


def _number(default: Any, kind: str) -> float | int | None:
    try:
        return int(default) if kind == "int" else float(default)
    except (TypeError, ValueError):
        return None
