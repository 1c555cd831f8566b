"""Options that a function's parameters are: behind `fire.Fire(train)`, `typer.run(main)` and a Typer app's command.

Owns how a parameter becomes an option, each library in its own spelling.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tuned.core.script.argparse_calls import kind_of
from tuned.core.script.class_options import annotated
from tuned.core.script.literals import UNKNOWN, called, dotted, keywords, one_line, scalar, value_of
from tuned.core.script.modules import Module, functions_called
from tuned.core.script.option import Option, ScriptOptions
from tuned.core.script.subcommands import training_command


def function_options(modules: list[Module], calls: list[ast.Call]) -> ScriptOptions | None:
    """The options of the first such call, or of an app's command that trains; None when there is none."""
    script = modules[0]
    functions = {node.name: node for node in ast.walk(script.tree) if isinstance(node, ast.FunctionDef)}
    functions |= {node.name: node for node, _ in functions_called(modules) if node.name not in functions}
    for call in calls:
        named = functions.get(dotted(call.args[0]).rpartition(".")[2]) if call.args else None
        if named is not None and called(call) in ("fire.Fire", "Fire"):
            return ScriptOptions("fire", tuple(_fire(named, script.constants)))
        if named is not None and called(call) == "typer.run":
            return ScriptOptions("typer", tuple(_typer(named, script.constants)))
    return _app(script, calls)


def _app(script: Module, calls: list[ast.Call]) -> ScriptOptions | None:
    """The commands of `app = typer.Typer()`; one alone has no name to type."""
    if not any(called(call) in ("typer.Typer", "Typer") for call in calls):
        return None
    commands: dict[ast.Call, tuple[str, ast.FunctionDef]] = {}
    for node in (n for n in ast.walk(script.tree) if isinstance(n, ast.FunctionDef)):
        for call in (d for d in node.decorator_list if isinstance(d, ast.Call)):
            if called(call).endswith(".command"):
                given = value_of(call.args[0], script.constants) if call.args else None
                commands[call] = (given if isinstance(given, str) else node.name.replace("_", "-"), node)
    if not commands:
        return None
    chosen = training_command({call: name for call, (name, _) in commands.items()})
    function = next(node for name, node in commands.values() if name == chosen)
    typed = (chosen,) if len(commands) > 1 else ()
    return ScriptOptions("typer", tuple(_typer(function, script.constants)), typed)


def _parameters(function: ast.FunctionDef) -> Iterator[tuple[ast.arg, ast.expr | None]]:
    """The parameters with their defaults; None where there is none."""
    plain = [*function.args.posonlyargs, *function.args.args]
    defaults: list[ast.expr | None] = [*[None] * (len(plain) - len(function.args.defaults)), *function.args.defaults]
    yield from zip(plain, defaults, strict=True)
    yield from zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)


def _fire(function: ast.FunctionDef, constants: dict[str, Any]) -> Iterator[Option]:
    """Every value is read as a Python literal, whatever the annotation says, and as text where it is none."""
    for parameter, node in _parameters(function):
        default = value_of(node, constants)
        kind, choices, many = annotated(parameter.annotation) if parameter.annotation else ("", (), False)
        shown = kind_of("text" if kind in ("bool", "str") else kind, default, choices)
        yield Option(
            parameter.arg,
            f"--{parameter.arg}",
            shown,
            scalar(default),
            choices,
            required=node is None,
            many=many or isinstance(default, list | tuple | dict),
            dest=parameter.arg,
            truth="python",
        )


def _typer(function: ast.FunctionDef, constants: dict[str, Any]) -> Iterator[Option]:
    """A parameter without a default is an argument by its place, unless it is declared as an option."""
    for parameter, node in _parameters(function):
        annotation, declaring = _inside(parameter.annotation)
        if isinstance(node, ast.Call) and called(node).rpartition(".")[2] in ("Option", "Argument"):
            declaring, node = node, (node.args[0] if node.args else keywords(node).get("default"))
        words = keywords(declaring) if declaring is not None else {}
        default = value_of(node, constants, UNKNOWN if node is not None else None)
        known = None if default is UNKNOWN or default is ... else default
        flags = [flag for arg in (declaring.args if declaring else ()) if isinstance(flag := value_of(arg, {}), str)]
        flags = [flag for flag in flags if flag.startswith("-")]
        last = called(declaring).rpartition(".")[2] if declaring is not None else ""
        positional = last == "Argument" or (node is None and last != "Option")
        kind, choices, many = annotated(annotation) if annotation else ("", (), False)
        option = Option(
            parameter.arg.replace("_", "-"),
            ""
            if positional
            else next((f for f in flags if f.startswith("--")), f"--{parameter.arg.replace('_', '-')}"),
            kind_of("text" if kind in ("bool", "str") else kind, known, choices),
            scalar(known),
            choices,
            required=(node is None and not flags) or default is ...,
            many=many,
            help=one_line(words.get("help"), constants),
            positional=positional,
            dest=parameter.arg,
            declared=kind in ("float", "int", "bool", "str"),
        )
        yield _switch(option) if (kind == "bool" or isinstance(known, bool)) and not positional else option


def _switch(option: Option) -> Option:
    """`--amp`, `--no-amp`; or the names that are given for both, or for the one that there is."""
    on, _, off = (part.strip() for part in option.flag.partition("/"))
    both = off or f"--no-{on.removeprefix('--')}"
    return replace(
        option, name=on.lstrip("-"), flag=on, kind="flag", on=option.default is True, off=both, declared=True
    )


def _inside(node: ast.expr | None) -> tuple[ast.expr | None, ast.Call | None]:
    """The type in `Annotated[float, typer.Option(...)]`, and the declaration; the annotation itself for any other."""
    if isinstance(node, ast.Subscript) and dotted(node.value).rpartition(".")[2] == "Annotated":
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return parts[0], next((part for part in parts[1:] if isinstance(part, ast.Call)), None)
    return node, None
