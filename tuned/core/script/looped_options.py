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
from tuned.core.script.modules import Module, functions_called
from tuned.core.script.option import Option, Truth


def looped_options(modules: list[Module]) -> Iterator[Option]:
    """The options of every such loop, in the order of the text; a loop over something unknown gives none.

    Args:
        modules: The script, and its own other modules: a loop in a function of these counts where the script calls it.
    """
    for place, module in [(modules[0].tree, modules[0]), *functions_called(modules)]:
        for loop in ast.walk(place):
            calls = _adding(loop) if isinstance(loop, ast.For) else []
            if not isinstance(loop, ast.For) or not calls:
                continue
            truth = _truth(loop, calls)
            for option in _named(loop.iter, module, modules, typed="type" in keywords(calls[-1])):
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


def _named(source: ast.expr, module: Module, modules: list[Module], *, typed: bool) -> Iterator[Option]:
    """The options that a loop over `source` declares; `typed`: with a type for each, which is its default's."""
    if isinstance(source, ast.Call) and called(source).rpartition(".")[2] == "fields" and source.args:
        name = dotted(source.args[0])
        owner = module.classes.get(name, module.classes.get(name.rpartition(".")[2]))
        if owner is not None:
            yield from dataclass_options(owner, module.classes, module.constants)
        return
    if isinstance(source, ast.Call) and isinstance(source.func, ast.Attribute) and source.func.attr == "items":
        source = source.func.value
    for name, default in _entries(source, module, modules).items():
        kind, is_bool = kind_of("", default, ()), default is None or isinstance(default, bool)
        declared = typed and isinstance(default, int | float)
        truth: Truth = "unknown" if is_bool and typed else ""
        yield Option(name, f"--{name}", kind, scalar(default), dest=name, declared=declared, truth=truth)


def _entries(node: ast.expr, module: Module, modules: list[Module], deep: int = 6) -> dict[str, Any]:
    """Name -> default of a dictionary or a list of names, through names, parameters and functions that return one."""
    value = value_of(node, module.constants)
    if isinstance(value, list | tuple):
        return dict.fromkeys(name for name in value if isinstance(name, str))
    known = value if isinstance(value, dict) else {}
    found = {name: content for name, content in known.items() if isinstance(name, str)}
    if deep and isinstance(node, ast.Name):
        for stands, there in _stands_for(node.id, module, modules):
            found |= _entries(stands, there, modules, deep - 1)
    elif deep and isinstance(node, ast.Call):
        for inner, there in _returned(called(node).rpartition(".")[2], module, modules):
            found |= _entries(inner, there, modules, deep - 1)
    return found


def _returned(name: str, module: Module, modules: list[Module]) -> Iterator[tuple[ast.expr, Module]]:
    """Expressions that a function of this name returns: the module's own one, or else another module's."""
    for there in (module, *(other for other in modules if other is not module)):
        owners = [f for f in ast.walk(there.tree) if isinstance(f, ast.FunctionDef) and f.name == name]
        for inner in (node for owner in owners for node in ast.walk(owner)):
            if isinstance(inner, ast.Return) and inner.value is not None:
                yield inner.value, there
        if owners:
            return


def _stands_for(name: str, module: Module, modules: list[Module]) -> Iterator[tuple[ast.expr, Module]]:
    """Expressions that a name is set to, updated with, or given as a function's parameter, and where they stand."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Assign):
            if any(isinstance(target, ast.Name) and target.id == name for target in node.targets):
                yield node.value, module
        elif isinstance(node, ast.Call) and called(node) == f"{name}.update" and node.args:
            yield node.args[0], module
        elif isinstance(node, ast.FunctionDef) and name in [argument.arg for argument in node.args.args]:
            place = [argument.arg for argument in node.args.args].index(name)
            for there in modules:
                for call in ast.walk(there.tree):
                    named = isinstance(call, ast.Call) and called(call).rpartition(".")[2] == node.name
                    if isinstance(call, ast.Call) and named and len(call.args) > place:
                        yield call.args[place], there
