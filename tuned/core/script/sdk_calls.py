"""The parameters that a script takes through `tuned.current_trial()`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from tuned.core.script.argparse_calls import kind_of
from tuned.core.script.literals import called, scalar, value_of
from tuned.core.script.option import Kind, Option


def from_defaults(calls: list[ast.Call], constants: dict[str, Any]) -> Iterator[Option]:
    """The parameters that `tuned.current_trial(defaults={...})` names."""
    for call in calls:
        if called(call).rpartition(".")[2] != "current_trial":
            continue
        given = [word.value for word in call.keywords if word.arg == "defaults"] or call.args[:1]
        known = value_of(given[0], constants) if given else None
        if given and not isinstance(known, dict):
            # Computed from a table at the module's top: that table's names and values are still what it takes.
            known = next((v for k, v in constants.items() if isinstance(v, dict) and "default" in k.lower()), None)
        for name, default in known.items() if isinstance(known, dict) else ():
            if isinstance(name, str):
                kind: Kind = "flag" if isinstance(default, bool) else kind_of("", default, ())
                yield Option(name, "", kind, scalar(default), on=default is True)


def from_subscripts(tree: ast.Module) -> Iterator[Option]:
    """The names in `trial.params["lr"]`, for scripts that give no defaults."""
    seen: set[str] = set()
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Subscript)
            and isinstance(node.value, ast.Attribute)
            and node.value.attr == "params"
            and isinstance(node.slice, ast.Constant)
            and isinstance(node.slice.value, str)
            and node.slice.value not in seen
        ):
            seen.add(node.slice.value)
            yield Option(node.slice.value, "", "float", required=True)
