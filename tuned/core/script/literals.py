"""Values that stand in a script's text: literals, constants at the module's top, simple arithmetic on them.

Owns that evaluation. Nothing of the script is run.
"""

from __future__ import annotations

import ast
from typing import Any

from tuned.core.script.option import Value

UNKNOWN = object()
"""The default of `value_of` for an expression that only running the script could evaluate."""


def called(call: ast.Call) -> str:
    """`parser.add_argument` of a call of it; the last name alone where what comes before is no plain name."""
    return dotted(call.func)


def dotted(node: ast.expr) -> str:
    """`a.b.c` of such an expression; `.c` where it begins with something else than a name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    parts.append(node.id if isinstance(node, ast.Name) else "")
    return ".".join(reversed(parts))


def keywords(call: ast.Call) -> dict[str, ast.expr]:
    """The keyword arguments of a call, `**` left out."""
    return {word.arg: word.value for word in call.keywords if word.arg}


def imported_modules(tree: ast.AST) -> list[str]:
    """Absolute names of the modules that a script imports anywhere, and of what it takes from them."""
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return found


def constants_of(tree: ast.Module) -> dict[str, Any]:
    """Names that the module sets once, at its top, to a literal."""
    found: dict[str, Any] = {}
    for node in tree.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if isinstance(node, ast.Assign | ast.AnnAssign) and len(targets) == 1 and isinstance(targets[0], ast.Name):
            name = targets[0].id
            value = value_of(node.value, found)
            found[name] = None if name in found else value
    return found


def value_of(node: ast.expr | None, constants: dict[str, Any], default: Any = None) -> Any:
    """The value of a literal, of a top-level constant, or of simple arithmetic on them; `default` for anything else."""
    if node is None:
        return default
    if isinstance(node, ast.Name):
        return constants.get(node.id, default)
    if isinstance(node, ast.Attribute):
        return constants.get(dotted(node), default)
    if isinstance(node, ast.Call) and called(node) in ("list", "tuple", "sorted", "dict") and len(node.args) == 1:
        return value_of(node.args[0], constants, default)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "keys":
        return value_of(node.func.value, constants, default)
    if isinstance(node, ast.Call) and called(node) == "dict":
        return {name: value_of(word, constants) for name, word in keywords(node).items()}
    if isinstance(node, ast.Dict):
        keys = [value_of(key, constants) for key in node.keys]
        return {
            k: value_of(v, constants)
            for k, v in zip(keys, node.values, strict=True)
            if isinstance(k, str | int | float)
        }
    if isinstance(node, ast.BinOp):
        found = _arithmetic(node, value_of(node.left, constants), value_of(node.right, constants))
        return default if found is None else found
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return default


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


def scalar(value: Any) -> Value | None:
    """The value when it is text, a number or true/false; else None."""
    return value if isinstance(value, str | int | float | bool) else None


def choices_of(value: Any) -> tuple[Value, ...]:
    """The allowed values that a literal lists; empty when it lists none."""
    if isinstance(value, range):
        value = list(value)
    if not isinstance(value, list | tuple | set | frozenset | dict):
        return ()
    items = sorted(value, key=str) if isinstance(value, set | frozenset) else list(value)
    return tuple(dict.fromkeys(item for item in items if isinstance(item, str | int | float)))


def one_line(node: ast.expr | None, constants: dict[str, Any]) -> str:
    """A text on one line, such as an option's help; empty when it is no literal."""
    value = value_of(node, constants)
    return " ".join(value.split()) if isinstance(value, str) else ""
