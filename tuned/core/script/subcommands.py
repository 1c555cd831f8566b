"""Which subcommand each option of a script belongs to, and which of them trains.

Owns that guess: `sub.add_parser("train")` in argparse, `@cli.command()` in click.
"""

from __future__ import annotations

import ast
import re
from typing import Any

from tuned.core.script.literals import called, dotted, keywords, value_of

_TRAINS = re.compile(r"(?:^|[-_])(?:train|training|fit|run|finetune|fine-tune)(?:$|[-_])")


def subcommands(tree: ast.Module, calls: list[ast.Call], constants: dict[str, Any]) -> dict[ast.Call, str]:
    """Call that declares an option -> the subcommand it belongs to; without those that all share."""
    parsers: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and isinstance(node.targets[0], ast.Name):
            name = _added(node.value, constants)
            if name:
                parsers[node.targets[0].id] = name
    found = {call: parsers[owner] for call in calls if (owner := called(call).rpartition(".")[0]) in parsers}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            command = next(
                filter(None, (_command(decorator, node, constants) for decorator in node.decorator_list)), ""
            )
            found |= {d: command for d in node.decorator_list if command and isinstance(d, ast.Call)}
    return found


def before_subcommands(tree: ast.Module, calls: list[ast.Call]) -> set[ast.Call]:
    """Calls that declare an option of the program itself: it is read before the subcommand, and refused behind it."""
    owners = {called(call).rpartition(".")[0] for call in calls if called(call).endswith(".add_subparsers")}
    found = {call for call in calls if called(call).rpartition(".")[0] in owners}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and any(map(_is_group, node.decorator_list)):
            found |= {decorator for decorator in node.decorator_list if isinstance(decorator, ast.Call)}
    return found


def _is_group(node: ast.expr) -> bool:
    return dotted(node.func if isinstance(node, ast.Call) else node).rpartition(".")[2] == "group"


def training_command(found: dict[ast.Call, str]) -> str:
    """The subcommand that trains, by its name or else by the number of its options; empty without any."""
    names = list(found.values())
    if not names:
        return ""
    return max(dict.fromkeys(names), key=lambda name: (bool(_TRAINS.search(name)), names.count(name)))


def _added(call: ast.Call, constants: dict[str, Any]) -> str:
    if not called(call).endswith(".add_parser") or not call.args:
        return ""
    name = value_of(call.args[0], constants)
    return name if isinstance(name, str) else ""


def _command(node: ast.expr, function: ast.FunctionDef, constants: dict[str, Any]) -> str:
    """The name that a decorator such as `@cli.command()` gives; empty for any other, and for click's own."""
    owner, _, last = dotted(node.func if isinstance(node, ast.Call) else node).rpartition(".")
    if last != "command" or owner in ("", "click"):
        return ""
    given = [*node.args, keywords(node).get("name")] if isinstance(node, ast.Call) else []
    name = next((value_of(word, constants) for word in given if word is not None), None)
    return name if isinstance(name, str) else function.name.replace("_", "-")
