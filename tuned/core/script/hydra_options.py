"""The options of a Hydra program: the keys of the YAML file that `hydra.main` names, with the groups it defaults to.

Owns the way from that file to dotted keys. The file is read through a function that is handed in.
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tuned.core.script.argparse_calls import kind_of
from tuned.core.script.literals import called, keywords, scalar, value_of
from tuned.core.script.modules import Read
from tuned.core.script.option import Option, ScriptOptions

_NUMBER = re.compile(r"[-+]?\d+(?:\.\d*)?[eE][-+]?\d+")


def hydra_options(calls: list[ast.Call], constants: dict[str, Any], read: Read) -> ScriptOptions | None:
    """The options of a script with `@hydra.main(config_path=..., config_name=...)`; None for any other."""
    call = next((call for call in calls if called(call).endswith("hydra.main")), None)
    if call is None:
        return None
    keys = keywords(call)
    folder, name = value_of(keys.get("config_path"), constants), value_of(keys.get("config_name"), constants)
    if not isinstance(name, str):
        return ScriptOptions("hydra")
    found = _flat(_loaded(str(folder or "."), name, read))
    return ScriptOptions("hydra", tuple(_options(found)))


def _options(found: Iterator[tuple[str, Any]]) -> Iterator[Option]:
    for name, value in dict(found).items():
        if isinstance(value, str) and _NUMBER.fullmatch(value):
            value = float(value)  # `1e-3`, which YAML 1.1 holds for text and Hydra for a number
        if scalar(value) is not None or value is None:
            yield Option(name, "", kind_of("", value, ()), scalar(value), dest=name)


def _loaded(folder: str, name: str, read: Read, depth: int = 0) -> dict[str, Any]:
    """One file with what its `defaults` list names: a group's option lies below the group's own name."""
    import yaml

    text = read(posixpath.join(folder, name.removesuffix(".yaml") + ".yaml"))
    try:
        data = yaml.safe_load(text or "")
    except yaml.YAMLError:
        return {}
    if not isinstance(data, dict):
        return {}
    merged: dict[str, Any] = {}
    for item in data.pop("defaults", None) or () if depth < 4 else ():
        if isinstance(item, str) and item != "_self_":
            merged |= _loaded(folder, item, read, depth + 1)
        for group, option in item.items() if isinstance(item, dict) else ():
            place = str(group).removeprefix("override ").split("@")[0]
            if isinstance(option, str) and not place.startswith("hydra"):
                merged[place.replace("/", ".")] = _loaded(posixpath.join(folder, place), option, read, depth + 1)
    return _over(merged, data)


def _over(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(below)
    for key, value in above.items():
        old = found.get(key)
        found[key] = _over(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return found


def _flat(data: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in data.items():
        if isinstance(value, dict):
            if key != "hydra":
                yield from _flat(value, f"{prefix}{key}.")
        elif isinstance(key, str) and not (isinstance(value, str) and "${" in value):
            yield prefix + key, value
