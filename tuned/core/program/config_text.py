"""Setting values in the text of a YAML, JSON or TOML file.

Owns how dotted keys find their place. Only what is set changes: in YAML every other scalar keeps its spelling, anchors
and tags, since no two readers agree on what `1e-3` or `on` is. Comments are dropped. Pure: text in, text out.
"""

from __future__ import annotations

import json
import posixpath
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tuned.core.errors import InvalidInput
from tuned.core.names import nearest
from tuned.core.space import Value
from tuned.core.toml.values import document

if TYPE_CHECKING:
    from yaml.nodes import Node

FORMATS = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".toml": "toml"}
_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./+-]*")
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
_MERGE = "tag:yaml.org,2002:merge"


def format_of(path: str) -> str | None:
    """`yaml`, `json` or `toml` by the suffix; None for any other."""
    return FORMATS.get(posixpath.splitext(path)[1].lower())


def set_values(text: str, form: str, values: Mapping[str, Value], where: str) -> str:
    """The text with these values.

    Args:
        text: The file's content.
        form: `yaml`, `json` or `toml`.
        values: Dotted key -> value. A piece of digits picks an item of a list; a key that has dots itself is found.
        where: The study file's key, for errors.

    Raises:
        InvalidInput: The text is not of this format, or has no such key: a misspelt one would reach nothing.
    """
    if form == "yaml":
        return _set_yaml(text, values, where)
    try:
        data = json.loads(text) if form == "json" else tomllib.loads(text)
    except ValueError as error:
        raise InvalidInput(f"is no {form.upper()}: {_line(error)}", where=f"{where}.from", hint="correct it") from None
    for path, value in values.items():
        _set_plain(data, path, value, where)
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n" if form == "json" else document(data)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:160]


def _missing(where: str, path: str, piece: str, known: list[str]) -> InvalidInput:
    return InvalidInput(f"the file has no {piece!r}", where=f"{where}.set.{path}", hint=nearest(piece, known))


def _splits(path: str) -> Iterator[tuple[str, str]]:
    """First piece and rest, the longest first piece first, because a key may hold dots."""
    pieces = path.split(".")
    for n in range(len(pieces), 0, -1):
        yield ".".join(pieces[:n]), ".".join(pieces[n:])


def _set_plain(data: Any, path: str, value: Value, where: str) -> None:
    rest, here = path, data
    while True:
        step = _step(here, rest)
        if step is None:
            raise _missing(where, path, rest.split(".")[0], _keys_of(here))
        found, rest = step
        if not rest:
            here[found] = value
            return
        here = here[found]


def _step(here: Any, path: str) -> tuple[Any, str] | None:
    """The key or index that a path begins with, and the rest of the path."""
    for piece, rest in _splits(path):
        if isinstance(here, list) and piece.isdigit() and int(piece) < len(here):
            return int(piece), rest
        if isinstance(here, dict) and piece in here:
            return piece, rest
    return None


def _keys_of(data: Any) -> list[str]:
    if isinstance(data, dict):
        return [str(key) for key in data]
    return [str(i) for i in range(len(data))] if isinstance(data, list) else []


def _set_yaml(text: str, values: Mapping[str, Value], where: str) -> str:
    import yaml  # not at the top: most studies have no such file

    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise InvalidInput(f"is no YAML: {_line(error)}", where=f"{where}.from", hint="correct it") from None
    if not isinstance(root, yaml.MappingNode):
        raise InvalidInput("holds no keys", where=f"{where}.from", hint="name a YAML file with a mapping")
    for path, value in values.items():
        root = _with(root, path, path, value, where)
    return str(yaml.serialize(_own_scalars(root, {}), Dumper=yaml.SafeDumper, allow_unicode=True, width=1 << 20))


def _own_scalars(node: Any, seen: dict[int, Any]) -> Any:
    """The same tree in which only mappings and sequences are shared.

    The writer makes an alias of every node that stands in two places, and readers of YAML 1.2 refuse an alias for a
    key: `*id001:` is the name of an anchor there.
    """
    import yaml

    if isinstance(node, yaml.ScalarNode):
        return yaml.ScalarNode(node.tag, node.value, style=node.style)
    if id(node) in seen:
        return seen[id(node)]
    if isinstance(node, yaml.SequenceNode):
        sequence = seen[id(node)] = yaml.SequenceNode(node.tag, [], flow_style=node.flow_style)
        sequence.value = [_own_scalars(item, seen) for item in node.value]
        return sequence
    mapping = seen[id(node)] = yaml.MappingNode(node.tag, [], flow_style=node.flow_style)
    mapping.value = [(_own_scalars(key, seen), _own_scalars(item, seen)) for key, item in node.value]
    return mapping


def _with(node: Node, rest: str, path: str, value: Value, where: str) -> Any:
    """A copy of the node with the value in it: a node that an anchor names elsewhere stays as it was."""
    import yaml

    if isinstance(node, yaml.SequenceNode):
        piece, _, after = rest.partition(".")
        if not piece.isdigit() or int(piece) >= len(node.value):
            raise _missing(where, path, piece, [str(i) for i in range(len(node.value))])
        items = list(node.value)
        items[int(piece)] = _with(items[int(piece)], after, path, value, where) if after else _scalar(value)
        return yaml.SequenceNode(node.tag, items, flow_style=node.flow_style)
    if not isinstance(node, yaml.MappingNode):
        raise _missing(where, path, rest.split(".")[0], [])
    keys = _mapping_keys(node)
    for piece, after in _splits(rest):
        if piece in keys:
            key, old = keys[piece]
            new = _with(old, after, path, value, where) if after else _scalar(value)
            pairs = [(k, new if k is key else v) for k, v in node.value]
            if all(k is not key for k, _ in node.value):  # it came in by `<<`: an own key goes before that
                pairs.append((yaml.ScalarNode(key.tag, key.value, style=key.style), new))
            return yaml.MappingNode(node.tag, pairs, flow_style=node.flow_style)
    raise _missing(where, path, rest.split(".")[0], list(keys))


def _mapping_keys(node: Any) -> dict[str, tuple[Any, Any]]:
    """Text of a key -> its nodes, those of merged mappings under the mapping's own."""
    found: dict[str, tuple[Any, Any]] = {}
    for key, value in node.value:
        if key.tag == _MERGE:
            merged = value.value if value.id == "sequence" else [value]
            for mapping in reversed(merged):
                found = {**_mapping_keys(mapping), **found} if mapping.id == "mapping" else found
    for key, value in node.value:
        if key.id == "scalar" and key.tag != _MERGE:
            found[key.value] = (key, value)
    return found


def _scalar(value: Value) -> Any:
    import yaml
    from yaml.representer import SafeRepresenter

    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value) and value.lower() not in _WORDS
        return yaml.ScalarNode("tag:yaml.org,2002:str", value, style=None if plain else '"')
    return SafeRepresenter().represent_data(value)
