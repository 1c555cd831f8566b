"""A script together with its own other modules: the constants, classes and functions that names stand for in each.

Owns that look into the modules, through a function that is handed in. Installed packages are never read.
"""

from __future__ import annotations

import ast
import contextlib
import posixpath
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tuned.core.parsing import parsed
from tuned.core.script.literals import called, constants_of

Read = Callable[[str], str | None]
"""Text of a file by its path relative to the script; None when it cannot be read."""

MOST_MODULES = 50
LENT = "tuned"
"""The package that trials are lent: also where it lies beside the script it declares no options of the script's."""
_UP = ("", "../", "../../")
"""Where a module of an absolute name may lie: a script within packages is run from above them."""


@dataclass(slots=True)
class Module:
    """One module.

    Attributes:
        tree: Its text, parsed.
        constants: Literals that names stand for in it, its own and imported ones, those also as `module.NAME`.
        classes: Class definitions, likewise.
    """

    tree: ast.Module
    constants: dict[str, Any] = field(default_factory=dict)
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)


def modules_of(tree: ast.Module, read: Read) -> list[Module]:
    """The script, and the modules of its own that it imports, also through each other.

    Args:
        tree: The script's text, parsed.
        read: Reads a file beside it.
    """
    seen: dict[str, Module | None] = {}
    script = _look(tree, read, "", seen)
    return [script, *(module for module in seen.values() if module is not None)]


def functions_called(modules: list[Module]) -> list[tuple[ast.FunctionDef, Module]]:
    """Functions of the other modules that the script calls, also through each other."""
    places = {
        node.name: (node, module)
        for module in reversed(modules[1:])
        for node in module.tree.body
        if isinstance(node, ast.FunctionDef)
    }
    found: list[tuple[ast.FunctionDef, Module]] = []
    waiting: list[ast.AST] = [modules[0].tree]
    own = {node.name for node in ast.walk(modules[0].tree) if isinstance(node, ast.FunctionDef)}
    while waiting:
        for node in ast.walk(waiting.pop()):
            name = called(node).rpartition(".")[2] if isinstance(node, ast.Call) else ""
            if name in places and name not in own:
                found.append(places.pop(name))
                waiting.append(found[-1][0])
    return found


def _look(tree: ast.Module, read: Read, folder: str, seen: dict[str, Module | None]) -> Module:
    """One module; its own definitions count before imported ones."""
    found = Module(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            _take_from(found, node, read, folder, seen)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                _take_all(found, _module(alias.name, 0, read, folder, seen), (alias.asname or alias.name) + ".")
    found.constants |= constants_of(tree)
    found.classes |= {node.name: node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    return found


def _take_from(found: Module, node: ast.ImportFrom, read: Read, folder: str, seen: dict[str, Module | None]) -> None:
    """`from module import NAME as OWN`, `from . import module`, `from module import *`."""
    module = _module(node.module or "", node.level, read, folder, seen)
    for alias in node.names:
        own = alias.asname or alias.name
        if alias.name == "*":
            _take_all(found, module, "")
        elif module is not None and alias.name in module.constants:
            found.constants[own] = module.constants[alias.name]
        elif module is not None and alias.name in module.classes:
            found.classes = {**module.classes, **found.classes, own: module.classes[alias.name]}
        else:
            inner = f"{node.module or ''}.{alias.name}".strip(".")
            _take_all(found, _module(inner, node.level, read, folder, seen), own + ".")


def _take_all(found: Module, module: Module | None, prefix: str) -> None:
    if module is not None:
        found.constants |= {prefix + name: value for name, value in module.constants.items()}
        found.classes = {**module.classes, **found.classes}  # fields and bases name them as their module does
        found.classes |= {prefix + name: node for name, node in module.classes.items()}


def _module(name: str, dots: int, read: Read, folder: str, seen: dict[str, Module | None]) -> Module | None:
    """A module of the user's own; None where it is none, cannot be read, or is being looked at already."""
    if not dots and name.partition(".")[0] == LENT:
        return None
    for path in _places(name, dots, folder):
        if path in seen:
            return seen[path]
        text = read(path) if len(seen) < MOST_MODULES else None
        if text is not None:
            seen[path] = None  # an import in a circle ends here
            with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
                seen[path] = _look(parsed(text), read, posixpath.dirname(path), seen)
            return seen[path]
    return None


def _places(name: str, dots: int, folder: str) -> Iterator[str]:
    """Files that a module may lie in, relative to the script."""
    parts = [part for part in name.split(".") if part]
    for start in [posixpath.join(folder, *[".."] * (dots - 1))] if dots else _UP:
        base = posixpath.normpath(posixpath.join(start or ".", *parts))
        if parts:
            yield f"{base}.py"
        yield posixpath.join(base, "__init__.py")
