"""The options of a script in its draft: each one's place in the arguments, and its entry in the space.

Owns how an option is typed, and under which name it is varied. `tuned.core.draft.ranges` chooses what is varied.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tuned.core.draft.customs import Custom
from tuned.core.draft.defaults import default_of
from tuned.core.draft.likely import with_likely
from tuned.core.draft.ranges import Choice, choose, condition
from tuned.core.errors import InvalidInput
from tuned.core.names import nearest, parameter_name_of
from tuned.core.script.option import Option, ScriptOptions, Value
from tuned.core.text import printable
from tuned.core.toml.values import key, value


@dataclass(slots=True)
class Parts:
    """The options of one script, taken apart.

    Attributes:
        how: How the script reads them.
        arguments: Items of `[run] args` as TOML, each with its comment; `before`: those ahead of the subcommand.
        space: Lines of `[space]`, each with its comment; `left`: comments on the options that are left alone.
        todos: The places that a person must fill in; `tuned`: the parameters that are varied.
        defaults: Parameter -> its entry and the value that the script has by itself.
        environment: Variable -> its text, for a script that reads the environment.
        flags: Whether `{params:flags}` types the switches.
    """

    how: str = ""
    arguments: list[tuple[str, str]] = field(default_factory=list)
    before: list[tuple[str, str]] = field(default_factory=list)
    space: list[tuple[str, str]] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    todos: list[str] = field(default_factory=list)
    tuned: list[str] = field(default_factory=list)
    defaults: dict[str, tuple[Any, Value | None]] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    flags: bool = False


def parts_of(taken: ScriptOptions, customs: Mapping[str, Custom], chosen: Mapping[str, Any] | None) -> Parts:
    """A draft's parts, made of a script's options.

    Args:
        taken: Them.
        customs: Ranges that the script's libraries make customary, by an option's name.
        chosen: Parameter -> its entry in `[space]`, said by a person: then nothing else is varied.

    Raises:
        InvalidInput: A chosen parameter is no option of the script.
    """
    parts = Parts(taken.how)
    options = {option.name: option for option in taken.options}
    if chosen is not None:
        for name, entry in chosen.items():
            option = taken.named(name)
            if (
                option is None
                and options
                and taken.how in ("argparse", "click", "typer", "fire", "absl", "environment")
            ):
                raise _unknown(name, options)
            _take(parts, option or Option(name, f"--{name}", "text"), Choice("tune", entry), name)
    named = {option.name for option in map(taken.named, chosen or ()) if option is not None}
    for name, option in options.items():
        if name in named:
            continue
        choice = with_likely(choose(option, customs), option)
        if chosen is not None and choice.use in ("tune", "fix"):
            choice = Choice("given", "TODO", "it is required") if option.required else Choice("leave")
        if choice.use == "tune" and isinstance(choice.entry, Mapping) and option.flag:
            when = condition(option, [o for o in options.values() if choose(o, customs).use == "tune"])
            choice = replace(choice, entry={**choice.entry, **({"when": when} if when else {})})
        _take(parts, option, choice)
    if chosen is None and not parts.tuned:
        parts.todos.append("[space]: what to vary")
        parts.space.append(('# lr = { type = "float", low = 1e-5, high = 1e-1, log = true }', "TODO: what to vary"))
    return parts


def _unknown(name: str, options: Mapping[str, Option]) -> InvalidInput:
    return InvalidInput("the script has no such option", where=name, hint=nearest(name, list(options)))


def _take(parts: Parts, option: Option, choice: Choice, named: str = "") -> None:
    """Add one option: its place in the arguments, and its entry in the space under the name that a person gave it."""
    arguments = parts.before if option.before else parts.arguments
    if option.before and option.kind == "flag" and choice.use == "tune" and not named:
        choice = Choice("leave", why="a switch that stands before the subcommand")
    if choice.use == "leave":
        parts.left.append(_comment(option, choice.why))
        return
    if choice.use == "given":
        text = str(choice.entry)
        if parts.how == "environment":
            parts.environment[option.name] = text
        else:
            arguments.append((_typed(option, text, parts.how), ("TODO: " if text == "TODO" else "") + choice.why))
        if text == "TODO":
            parts.todos.append(f"{option.flag or option.name}: {choice.why}")
        return
    name = parameter_name_of(named or option.name)
    entry = choice.entry
    is_switch = option.kind == "flag" or _is_bool(entry)
    if parts.how == "environment":
        parts.environment[option.name] = f"{{{name}{_SWITCH[option.truth] if is_switch else _format(entry)}}}"
    elif parts.how in SPREAD or (is_switch and option.flag):
        parts.flags = True
    elif option.flag or option.positional:
        text = _typed(option, f"{{{name}{_format(entry)}}}", parts.how, joined=_negative(entry))
        grouped = isinstance(entry, Mapping) and "when" in entry
        arguments.append((f"[{text}]" if grouped else text, "left out while it is inactive" if grouped else ""))
    parts.space.append((f"{key(name)} = {_entry(entry)}", choice.why))
    if choice.use == "tune":
        parts.tuned.append(name)
        parts.defaults[name] = (entry, default_of(option, name))


def _entry(entry: Any) -> str:
    """The entry as TOML, with bounds as a person would write them: `1e-5`, not `1e-05`."""
    return re.sub(r"e-0(\d)", r"e-\1", value(entry))


def _format(entry: Any) -> str:
    """Four digits are enough for a range, unless its own ends need more."""
    if not isinstance(entry, Mapping) or entry.get("type") != "float":
        return ""
    return ":.4g" if all(float(f"{entry[end]:.4g}") == entry[end] for end in ("low", "high")) else ""


_SWITCH = {"": ":d", "words": "", "python": ":py"}
"""How a variable of the environment spells true and false -> the placeholder's format."""
SPREAD = ("globals", "lightning", "hydra")
"""Readers of `--name=value` in their own types: `{params}` types all of them."""


def _typed(option: Option, text: str, how: str, *, joined: bool = False) -> str:
    """The arguments that give an option this text, as TOML."""
    if option.positional:
        return value(text)
    if how == "hydra":
        return value(f"{option.name}={text}")
    if joined or how in SPREAD:
        return value(option.flag + ("=" if len(option.flag) > 2 else "") + text)
    return f"{value(option.flag)}, {value(text)}"


def _is_bool(entry: Any) -> bool:
    if isinstance(entry, Mapping):
        return entry.get("type") == "bool"
    return all(isinstance(item, bool) for item in (entry if isinstance(entry, list) else [entry]))


def _negative(entry: Any) -> bool:
    """Whether a value may begin with a dash: behind its option, readers would take it for another option."""
    if isinstance(entry, Mapping):
        entry = [entry.get("low", 0)]
    return any(str(item).startswith("-") for item in (entry if isinstance(entry, list) else [entry]))


def _comment(option: Option, why: str) -> str:
    shown = option.flag or option.name
    default = "" if option.default is None or option.default == "" or why else f" = {option.default}"
    text = why or option.help[:60]
    return printable(f"#   {shown}{default}" + (f"  ({text})" if text else ""))
