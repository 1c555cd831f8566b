"""The options of a Python script, read from its text without running it.

Owns the choice among the readers: `argparse` and `click` calls, `tuned.current_trial(defaults=...)`, Hydra.
`tuned.core.draft.ranges` decides which options are worth tuning, and over which range.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tuned.core.script.argparse_calls import argparse_option, paired
from tuned.core.script.click_calls import click_option
from tuned.core.script.literals import called, constants_of, scalar, value_of
from tuned.core.script.option import How, Option, ScriptOptions
from tuned.core.script.sdk_calls import from_defaults, from_subscripts


def read_options(tree: ast.Module) -> ScriptOptions:
    """The options of a script.

    Args:
        tree: Its text, parsed.
    """
    constants = constants_of(tree)
    calls = sorted(
        (node for node in ast.walk(tree) if isinstance(node, ast.Call)), key=lambda call: (call.lineno, call.col_offset)
    )
    found: dict[str, Option] = {}
    how: How = ""
    for call in calls:
        name = called(call)
        option = None
        if name.endswith(".add_argument"):
            option, how = argparse_option(call, constants), "argparse"
        elif name in ("click.option", "option", "click.argument", "argument"):
            option, how = click_option(call, constants, positional=name.endswith("argument")), "click"
        if option is not None:
            known = found.setdefault(option.name, option)
            if known != option:
                found[option.name] = _either(known, option)
    for dest, default in _set_defaults(calls, constants):
        for option in [o for o in found.values() if dest in (o.dest, o.name)]:
            found[option.name] = _with_default(option, default)
    if found:
        return ScriptOptions(how, tuple(paired(list(found.values()))))
    taken = tuple(from_defaults(calls, constants)) or tuple(from_subscripts(tree))
    if taken:
        return ScriptOptions("tuned", taken)
    hydra = any(called(call).endswith("hydra.main") for call in calls)
    return ScriptOptions("hydra" if hydra else "")


def _either(known: Option, other: Option) -> Option:
    """One option that two parsers declare: certain is only what they agree on."""
    alike = replace(other, help=known.help, default=known.default, required=known.required, on=known.on)
    return known if alike == known else replace(known, declared=False, truth="unknown", choices=())


def _set_defaults(calls: list[ast.Call], constants: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for call in calls:
        if called(call).endswith(".set_defaults"):
            for word in call.keywords:
                if word.arg:
                    yield word.arg, value_of(word.value, constants)


def _with_default(option: Option, default: Any) -> Option:
    if option.kind == "flag":
        return replace(option, on=default is True)
    return replace(option, default=scalar(default), required=False)
