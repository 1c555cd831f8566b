"""Options that are a module's own globals, overwritten from `--name=value` for each of them.

Owns that habit: nanoGPT's `exec(open('configurator.py').read())`, where every value is a Python literal of its global's
type, and a loop of the module's own that sets `globals()[name]`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from tuned.core.script.literals import called, scalar, value_of
from tuned.core.script.option import Kind, Option, ScriptOptions, Truth


def global_options(tree: ast.Module, constants: dict[str, Any]) -> ScriptOptions | None:
    """The options of a script that executes such a file, or sets its globals itself; None for any other."""
    after = overwritten_at(tree)
    if after is None:
        return None
    end = after - 1
    last = tree.body[end]
    evaluates = any(isinstance(node, ast.Call) and called(node).endswith("eval") for node in ast.walk(last))
    truth: Truth = "literal" if evaluates or _executes(last) else "unknown"
    found = tuple(_assigned(tree.body[:end], constants, truth))
    return ScriptOptions("globals", found) if found else None


def overwritten_at(tree: ast.Module) -> int | None:
    """How many of a script's statements stand up to where its globals are overwritten; None where none are."""
    return next((i + 1 for i, node in enumerate(tree.body) if _executes(node) or _overwrites(node)), None)


def _executes(node: ast.stmt) -> bool:
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call) or called(node.value) != "exec":
        return False
    inner = node.value.args[0] if node.value.args else None
    return any(isinstance(part, ast.Constant) and str(part.value).endswith(".py") for part in ast.walk(inner or node))


def _overwrites(node: ast.stmt) -> bool:
    """Whether a loop sets globals by computed names: `globals()[key] = value`."""
    return isinstance(node, ast.For | ast.While) and any(
        isinstance(target, ast.Subscript) and isinstance(target.value, ast.Call) and called(target.value) == "globals"
        for part in ast.walk(node)
        if isinstance(part, ast.Assign)
        for target in part.targets
    )


def _assigned(body: list[ast.stmt], constants: dict[str, Any], truth: Truth) -> Iterator[Option]:
    for node in body:
        if not isinstance(node, ast.Assign) or len(node.targets) != 1 or not isinstance(node.targets[0], ast.Name):
            continue
        name, value = node.targets[0].id, value_of(node.value, constants)
        if scalar(value) is None or name.startswith("_"):
            continue
        kind: Kind = "float" if isinstance(value, float) else "int" if type(value) is int else "text"
        yield Option(name, f"--{name}", kind, value, dest=name, declared=True, truth=truth)
