"""The lines that a script prints, read from its text: literal pieces, and holes where values stand.

Owns the forms that such text takes: f-strings, `%`, `format`, several arguments, dictionaries, logging.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

SHOWN = r"[^,'\"}]+"
"""The pattern of a value within a dictionary that is printed."""
_PRINTERS = frozenset({"print", "write", "info", "debug", "warning", "echo", "log", "secho", "tqdm_write"})
_PERCENT = re.compile(
    r"%%|%(?:\((?P<key>\w+)\))?(?P<width>[-+ #0]*(?:\d+|\*)?)(?:\.\d+)?(?P<kind>[diouxXeEfFgGcrsa])"
)  # the holes of a %-format
_FIELD = re.compile(r"\{\{|\}\}|\{(?P<name>[^{}:!]*)(?:![rsa])?(?::(?P<spec>[^{}]*))?\}")
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Hole:
    """Where a value is printed.

    Attributes:
        source: The last name in the expression; empty when there is none.
        padded: Whether blanks may stand before it.
        shown: Whether it is a dictionary's value: quoted where it is a text, with its type where it has one.
        more: Characters that its format adds to a number: `%`, and `,` between thousands.
    """

    source: str = ""
    padded: bool = False
    shown: bool = False
    more: str = ""


Line = tuple[str | Hole, ...]


def printed_lines(tree: ast.Module) -> Iterator[Line]:
    """The output of each call that prints, in the order of the text; one entry for each line of the output."""
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Call | ast.Assign)]
    known: dict[str, ast.Dict] = {}
    for node in sorted(nodes, key=lambda node: node.lineno):
        if isinstance(node, ast.Assign):
            if isinstance(node.value, ast.Dict):
                known |= {target.id: node.value for target in node.targets if isinstance(target, ast.Name)}
            continue
        call, name = node, _called(node)
        if name not in _PRINTERS or not call.args:
            continue
        if name == "print" or len(call.args) == 1:
            # An argument of a library's `log` is seldom printed as it is.
            yield from _split(_joined(call.args, known if name != "log" else None))
        else:
            first = call.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield from _split(_percent(first.value, call.args[1:]))


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _joined(arguments: list[ast.expr], known: Mapping[str, ast.Dict] | None) -> Line:
    pieces: list[str | Hole] = []
    for i, argument in enumerate(arguments):
        if i:
            pieces.append(" ")
        pieces += _pieces(argument, known)
    return _merged(pieces)


def _merged(pieces: list[str | Hole]) -> Line:
    merged: list[str | Hole] = []
    for piece in pieces:
        if isinstance(piece, str) and merged and isinstance(merged[-1], str):
            merged[-1] += piece
        elif piece != "":
            merged.append(piece)
    return tuple(merged)


def _split(line: Line) -> Iterator[Line]:
    """The lines of a text that holds several."""
    current: list[str | Hole] = []
    for piece in line:
        if isinstance(piece, Hole):
            current.append(piece)
            continue
        first, *others = re.split(r"[\r\n]", _COLOUR.sub("", piece))
        current.append(first)
        for other in others:
            yield _merged(current)
            current = [other]
    yield _merged(current)


def _pieces(node: ast.expr, known: Mapping[str, ast.Dict] | None) -> list[str | Hole]:
    """The text that an expression prints, with a hole for each value.

    Args:
        node: The expression.
        known: The dictionaries that names stand for; None where none of them is printed.
    """
    if isinstance(node, ast.Constant):
        return [str(node.value)]
    if isinstance(node, ast.JoinedStr):
        return [piece for part in node.values for piece in _part(part, known)]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return [*_pieces(node.left, known), *_pieces(node.right, known)]
    if known is not None and (shown := _dictionary(node, known)):
        return shown
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and isinstance(node.left, ast.Constant):
        values = node.right.elts if isinstance(node.right, ast.Tuple) else [node.right]
        return list(_percent(str(node.left.value), values))
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "format"
        and isinstance(node.func.value, ast.Constant)
    ):
        return list(_formatted(str(node.func.value.value), node))
    return [Hole(_source(node))]


def _part(node: ast.expr, known: Mapping[str, ast.Dict] | None) -> list[str | Hole]:
    """One part of an f-string."""
    if isinstance(node, ast.Constant):
        return [str(node.value)]
    whole = node.value if isinstance(node, ast.FormattedValue) and node.format_spec is None else None
    return (whole is not None and known is not None and _dictionary(whole, known)) or [_hole(node)]


def _dictionary(node: ast.expr, known: Mapping[str, ast.Dict]) -> list[str | Hole]:
    """The text of a dictionary of named values, also as JSON on one line; empty where it is none."""
    spell: Callable[[str], str] = repr
    if isinstance(node, ast.Call) and _called(node) == "dumps" and len(node.args) == 1:
        if any(word.arg in ("indent", "separators", "sort_keys") for word in node.keywords):
            return []
        node, spell = node.args[0], json.dumps
    if isinstance(node, ast.Call) and _called(node) == "dict" and not node.args:
        entries = [(word.arg, word.value) for word in node.keywords]
    else:
        table = known.get(node.id) if isinstance(node, ast.Name) else node
        if not isinstance(table, ast.Dict):
            return []
        entries = [
            (key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else None, content)
            for key, content in zip(table.keys, table.values, strict=True)
        ]
    if not entries or any(name is None for name, _ in entries):
        return []
    pieces: list[str | Hole] = []
    for name, content in entries:
        pieces += ["{" if not pieces else ", ", f"{spell(str(name))}: ", Hole(_source(content), shown=True)]
    return [*pieces, "}"]


def _percent(text: str, values: list[ast.expr]) -> Line:
    pieces: list[str | Hole] = []
    position, used = 0, 0
    for match in _PERCENT.finditer(text):
        pieces.append(text[position : match.start()])
        position = match.end()
        if match[0] == "%%":
            pieces.append("%")
            continue
        source = match["key"] or (_source(values[used]) if used < len(values) else "")
        pieces.append(Hole(source, _is_padded(match["width"])))
        used += 1
    return _merged([*pieces, text[position:]])


def _formatted(text: str, call: ast.Call) -> Line:
    named = {word.arg: word.value for word in call.keywords if word.arg}
    pieces: list[str | Hole] = []
    position, used = 0, 0
    for match in _FIELD.finditer(text):
        pieces.append(text[position : match.start()])
        position = match.end()
        if match["name"] is None:
            pieces.append(match[0][0])
            continue
        name = match["name"]
        index = int(name) if name.isdigit() else used
        used += not name
        value = (
            named.get(name) if name and not name.isdigit() else (call.args[index] if index < len(call.args) else None)
        )
        spec = match["spec"] or ""
        pieces.append(Hole(_source(value) if value is not None else name, _is_padded(spec), more=_added(spec)))
    return _merged([*pieces, text[position:]])


def _hole(node: ast.expr) -> Hole:
    spec = node.format_spec if isinstance(node, ast.FormattedValue) else None
    texts = [str(part.value) for part in getattr(spec, "values", []) if isinstance(part, ast.Constant)]
    return Hole(_source(node), _is_padded("".join(texts)), more=_added("".join(texts)))


def _is_padded(spec: str) -> bool:
    """Whether a format such as `8.3f` fills up with blanks on the left; `08.3f` and `.3f` do not."""
    return re.match(r"[>=+ #]*([1-9]|\*)", spec) is not None


def _added(spec: str) -> str:
    """`%` of a format such as `.2%`, `,` and `_` of one such as `,.1f`."""
    return "".join(mark for mark in "%,_" if mark in spec)


def _source(node: ast.AST) -> str:
    """`val_loss` of `val_loss`, `stats.val_loss`, `stats["val_loss"]`, `val_loss.item()`, `float(val_loss) * 100`."""
    match node:
        case ast.FormattedValue():
            return _source(node.value)
        case ast.Name():
            return node.id
        case ast.Attribute():
            return node.attr
        case ast.Subscript(slice=ast.Constant(value=str(key))):
            return key
        case ast.Subscript():
            return _source(node.value)
        case ast.Call(func=ast.Attribute(attr="item" | "mean" | "cpu" | "detach" | "sum")):
            return _source(node.func.value)  # type: ignore[attr-defined]
        case ast.Call(func=ast.Name(id="float" | "int" | "round" | "str"), args=[first, *_]):
            return _source(first)
        case ast.BinOp():
            return _source(node.left) or _source(node.right)
    return ""
