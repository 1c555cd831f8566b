"""Options that a loop declares: `for name, value in DEFAULTS.items(): parser.add_argument(f"--{name}", ...)`.

Owns the names and types that such a loop gives, over a dictionary's entries or a dataclass's fields.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tuned.core.script.argparse_calls import kind_of
from tuned.core.script.class_options import dataclass_options
from tuned.core.script.literals import called, dotted, keywords, scalar, value_of
from tuned.core.script.option import Option, Truth


def looped_options(tree: ast.Module, constants: dict[str, Any]) -> Iterator[Option]:
    """The options of every such loop, in the order of the text; a loop over something unknown gives none."""
    classes = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    for loop in ast.walk(tree):
        calls = _adding(loop) if isinstance(loop, ast.For) else []
        if not isinstance(loop, ast.For) or not calls:
            continue
        truth = _truth(loop, calls)
        for option in _named(loop.iter, tree, classes, constants, typed="type" in keywords(calls[-1])):
            if not option.truth:
                yield option
            elif not any("action" in keywords(call) for call in calls):
                yield replace(option, truth=truth)


def _adding(loop: ast.For) -> list[ast.Call]:
    """The calls in a loop that declare an option named as the loop's variable is."""
    return [
        node
        for node in ast.walk(loop)
        if isinstance(node, ast.Call)
        and called(node).endswith(".add_argument")
        and any(_is_name_behind_dashes(arg) for arg in node.args)
    ]


def _is_name_behind_dashes(node: ast.expr) -> bool:
    """Whether it is `f"--{name}"`, `f"--{field.name}"`, or such a sum; other spellings cannot be told."""
    match node:
        case ast.JoinedStr(values=[ast.Constant(value="--"), ast.FormattedValue(value=ast.Name() | ast.Attribute())]):
            return True
        case ast.BinOp(left=ast.Constant(value="--"), op=ast.Add(), right=ast.Name() | ast.Attribute()):
            return True
    return False


def _truth(loop: ast.For, calls: list[ast.Call]) -> Truth:
    """How a bool is read: `type=f.type` and `type=type(value)` are `bool` itself, which holds every text for true."""
    types = [word for word in (keywords(call).get("type") for call in calls) if word is not None]
    names = {node.id for node in types if isinstance(node, ast.Name)}
    assigned = [
        node.value
        for node in ast.walk(loop)
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id in names for t in node.targets)
    ]
    given = [*assigned, *(node for node in types if not (assigned and isinstance(node, ast.Name)))]
    return "any_text" if given and all(map(_is_own_type, given)) else "unknown"


def _is_own_type(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return called(node) == "type"
    return dotted(node).rpartition(".")[2] in ("type", "bool", "str", "int", "float")


def _named(
    source: ast.expr, tree: ast.Module, classes: dict[str, ast.ClassDef], constants: dict[str, Any], *, typed: bool
) -> Iterator[Option]:
    """The options that a loop over `source` declares; `typed`: with a type for each, which is its default's."""
    if isinstance(source, ast.Call) and called(source).rpartition(".")[2] == "fields" and source.args:
        owner = classes.get(dotted(source.args[0]).rpartition(".")[2])
        if owner is not None:
            yield from dataclass_options(owner, classes, constants)
        return
    if isinstance(source, ast.Call) and isinstance(source.func, ast.Attribute) and source.func.attr == "items":
        source = source.func.value
    for name, default in _entries(source, tree, constants).items():
        kind, is_bool = kind_of("", default, ()), default is None or isinstance(default, bool)
        declared = typed and isinstance(default, int | float)
        truth: Truth = "unknown" if is_bool and typed else ""
        yield Option(name, f"--{name}", kind, scalar(default), dest=name, declared=declared, truth=truth)


def _entries(node: ast.expr, tree: ast.Module, constants: dict[str, Any], deep: int = 3) -> dict[str, Any]:
    """Name -> default of a dictionary or a list of names, through names, parameters and functions that return one."""
    value = value_of(node, constants)
    if isinstance(value, dict):
        return {name: content for name, content in value.items() if isinstance(name, str)}
    if isinstance(value, list | tuple):
        return dict.fromkeys(name for name in value if isinstance(name, str))
    if deep == 0:
        return {}
    found: dict[str, Any] = {}
    if isinstance(node, ast.Name):
        for stands in _stands_for(node.id, tree):
            found |= _entries(stands, tree, constants, deep - 1)
    elif isinstance(node, ast.Call):
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef) and function.name == called(node):
                for inner in ast.walk(function):
                    if isinstance(inner, ast.Return) and inner.value is not None:
                        found |= _entries(inner.value, tree, constants, deep - 1)
    return found


def _stands_for(name: str, tree: ast.Module) -> Iterator[ast.expr]:
    """Expressions that a name is set to, updated with, or given as a function's parameter."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            if any(isinstance(target, ast.Name) and target.id == name for target in node.targets):
                yield node.value
        elif isinstance(node, ast.Call) and called(node) == f"{name}.update" and node.args:
            yield node.args[0]
        elif isinstance(node, ast.FunctionDef) and name in [argument.arg for argument in node.args.args]:
            place = [argument.arg for argument in node.args.args].index(name)
            for call in ast.walk(tree):
                if isinstance(call, ast.Call) and called(call) == node.name and len(call.args) > place:
                    yield call.args[place]
