"""The options of a Python script, read from its text without running it.

Owns the choice among the readers: `argparse` and `click` calls, `tuned.current_trial(defaults=...)`, Hydra.
`tuned.core.draft.ranges` decides which options are worth tuning, and over which range.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tuned.core.script.absl_calls import absl_option
from tuned.core.script.argparse_calls import argparse_option, paired
from tuned.core.script.class_options import class_options
from tuned.core.script.click_calls import click_option
from tuned.core.script.function_options import function_options
from tuned.core.script.global_options import global_options
from tuned.core.script.hydra_options import hydra_options
from tuned.core.script.literals import called, scalar, value_of
from tuned.core.script.looped_options import looped_options
from tuned.core.script.modules import Module, Read, functions_called, modules_of
from tuned.core.script.option import How, Option, ScriptOptions
from tuned.core.script.sdk_calls import from_defaults, from_subscripts
from tuned.core.script.subcommands import before_subcommands, subcommands, training_command


def read_options(tree: ast.Module, read: Read = lambda _: None) -> ScriptOptions:
    """The options of a script.

    Args:
        tree: Its text, parsed.
        read: Text of a file beside it: its own modules, and configuration files whose keys are its options.
    """
    modules = modules_of(tree, read)
    constants = modules[0].constants
    calls = _calls(tree)
    declared = _declared(modules, calls)
    if declared.options:
        return declared
    readers = (class_options(modules[0], calls), function_options(modules, calls), global_options(tree, constants))
    for reader in readers:
        if reader is not None:
            return reader
    taken = tuple(from_defaults(calls, constants)) or tuple(from_subscripts(tree))
    if taken:
        return ScriptOptions("tuned", taken)
    return hydra_options(calls, constants, read) or ScriptOptions("")


def _calls(tree: ast.AST) -> list[ast.Call]:
    """The calls in it, in the order of the text."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return sorted(calls, key=lambda call: (call.lineno, call.col_offset))


def _declared(modules: list[Module], calls: list[ast.Call]) -> ScriptOptions:
    """The options of `argparse` and `click` calls, of several subcommands those of the one that trains.

    Those in functions of other modules count, where the script calls them.
    """
    found: dict[str, Option] = {}
    how: How = ""
    tree, constants = modules[0].tree, modules[0].constants
    commands = subcommands(tree, calls, constants)
    chosen = training_command(commands)
    before = before_subcommands(tree, calls) if chosen else set()
    others = [(call, module.constants) for function, module in functions_called(modules) for call in _calls(function)]
    for call, known_there in [*((call, constants) for call in calls), *others]:
        if commands.get(call, chosen) != chosen:
            continue
        name = called(call)
        option = None
        if name.endswith(".add_argument"):
            option, how = argparse_option(call, known_there), "argparse"
        elif name in ("click.option", "option", "click.argument", "argument"):
            option, how = click_option(call, known_there, positional=name.endswith("argument")), "click"
        elif name.rpartition(".")[2].startswith("DEFINE_"):
            option, how = absl_option(call, known_there), "absl"
        if option is not None:
            option = replace(option, before=call in before)
            known = found.setdefault(option.name, option)
            if known != option:
                found[option.name] = _either(known, option)
    for option in looped_options(modules):
        how = how or "argparse"
        found.setdefault(option.name, option)
    for dest, default in _set_defaults(calls, constants):
        for option in [o for o in found.values() if dest in (o.dest, o.name)]:
            found[option.name] = _with_default(option, default)
    return ScriptOptions(how, tuple(paired(list(found.values()))), (chosen,) if chosen else ())


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
