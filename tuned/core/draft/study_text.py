"""A draft of a study file: what was read of a script, laid out with a comment wherever a person should decide.

Owns the layout. The modules that read the parts define their meaning.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tuned.core.draft.customs import Custom, customs_of
from tuned.core.draft.defaults import default_of, lines_of
from tuned.core.draft.prints import Found, read_prints
from tuned.core.draft.ranges import Choice, choose, condition
from tuned.core.errors import InvalidInput
from tuned.core.script.hydra_options import Read
from tuned.core.script.option import Option, ScriptOptions, Value
from tuned.core.script.options import read_options
from tuned.core.text import printable
from tuned.core.toml.values import key, value


@dataclass(frozen=True, slots=True)
class Script:
    """A script as far as its text tells.

    Attributes:
        typed: Its path as the study file shall spell it, relative to the file.
        taken: Its options; `found`: the metrics that it prints.
        customs: Ranges that the libraries it imports make customary, by an option's name.
        module: Its name when it has to be run as `python -m NAME`, and `cwd` the folder for that; empty otherwise.
    """

    typed: str
    taken: ScriptOptions
    found: Found
    customs: Mapping[str, Custom] = field(default_factory=dict)
    module: str = ""
    cwd: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """A study file to be.

    Attributes:
        text: Its content.
        todos: The places that a person must fill in before it can be submitted.
        tuned: The parameters that it varies.
        metric: The objective's metric; empty when none was found.
    """

    text: str
    todos: tuple[str, ...] = ()
    tuned: tuple[str, ...] = ()
    metric: str = ""


@dataclass(slots=True)
class _Parts:
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


def read_script(text: str, typed: str, read: Read = lambda _: None) -> Script:
    """The facts in a script's text.

    Args:
        text: It.
        typed: Its path as the study file shall spell it.
        read: Text of a file by its path relative to the script.

    Raises:
        InvalidInput: It is no Python.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        what = getattr(error, "msg", None) or str(error)
        raise InvalidInput(
            f"is not Python: {what}",
            where=typed if line is None else f"{typed}:{line}",
            hint="name the script that is run, or write a study file with run.command",
        ) from None
    return Script(typed, read_options(tree, read), read_prints(tree), customs_of(tree))


def draft_study(
    script: Script,
    *,
    chosen: Mapping[str, Any] | None = None,
    objective: tuple[str, str] | None = None,
    patterns: Sequence[str] = (),
    search: Mapping[str, Any] | None = None,
    question: str = "",
) -> Draft:
    """A study file for a script.

    Args:
        script: The facts read from it.
        chosen: Parameter -> its entry in `[space]`, said by a person: then nothing else is varied.
        objective: Metric and direction, said by a person.
        patterns: Regular expressions, said by a person.
        search: The entries of `[search]`.
        question: One line; empty for a reminder to write one.
    """
    parts = _parts(script, chosen)
    metric = objective[0] if objective else (script.found.metrics[0] if script.found.metrics else "")
    limits = search or {"trials": 30}
    lines = [
        f"# Drafted from {printable(script.typed)}. Every key: tunectl help study-file.",
        "# Try it with: tunectl check FILE --run",
        f"question = {value(question)}" if question else 'question = ""  # one line that says what you want to know',
        "",
        "[run]",
        *_program(script),
        *_arguments(parts, script.taken),
        "",
        *_metrics(script.found, patterns, parts, metric),
        "[objective]",
        f"metric = {value(metric or 'TODO')}" + ("" if metric else "  # TODO: the metric to improve"),
        f"direction = {value(objective[1] if objective else script.found.direction(metric))}",
        *_others(script.found, metric if objective is None else ""),
        "",
        "[space]",
        *_aligned(parts.space),
        *(parts.left and ["# left at what the script has them at:", *parts.left]),
        "",
        "[search]",
        *(f"{name} = {value(content)}" for name, content in limits.items()),
        *lines_of(parts.defaults, limits),
    ]
    return Draft("\n".join(lines) + "\n", tuple(parts.todos), tuple(parts.tuned), metric)


def _parts(script: Script, chosen: Mapping[str, Any] | None) -> _Parts:
    parts = _Parts(script.taken.how)
    options = {option.name: option for option in script.taken.options}
    if chosen is not None:
        for name, entry in chosen.items():
            option = script.taken.named(name)
            if option is None and options and script.taken.how in ("argparse", "click", "environment"):
                raise _unknown(name, options)
            _take(parts, option or Option(name, f"--{name}", "text"), Choice("tune", entry), name)
    named = {option.name for option in map(script.taken.named, chosen or ()) if option is not None}
    for name, option in options.items():
        if name in named:
            continue
        choice = choose(option, script.customs)
        if chosen is not None and choice.use in ("tune", "fix"):
            choice = Choice("given", "TODO", "it is required") if option.required else Choice("leave")
        if choice.use == "tune" and isinstance(choice.entry, Mapping) and option.flag:
            when = condition(option, [o for o in options.values() if choose(o, script.customs).use == "tune"])
            choice = replace(choice, entry={**choice.entry, **({"when": when} if when else {})})
        _take(parts, option, choice)
    if chosen is None and not parts.tuned:
        parts.todos.append("[space]: what to vary")
        parts.space.append(('# lr = { type = "float", low = 1e-5, high = 1e-1, log = true }', "TODO: what to vary"))
    return parts


def _unknown(name: str, options: Mapping[str, Option]) -> InvalidInput:
    from tuned.core.names import nearest

    return InvalidInput("the script has no such option", where=name, hint=nearest(name, list(options)))


def _take(parts: _Parts, option: Option, choice: Choice, named: str = "") -> None:
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
    name = named or option.name
    name = name if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}", name) else f"p_{name}"
    entry = choice.entry
    is_switch = option.kind == "flag" or _is_bool(entry)
    if parts.how == "environment":
        parts.environment[option.name] = f"{{{name}{_SWITCH[option.truth] if is_switch else _format(entry)}}}"
    elif parts.how in _SPREAD or (is_switch and option.flag):
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
_SPREAD = ("globals", "lightning", "hydra")
"""Readers of `--name=value` in their own types: `{params}` types all of them."""


def _typed(option: Option, text: str, how: str, *, joined: bool = False) -> str:
    """The arguments that give an option this text, as TOML."""
    if option.positional:
        return value(text)
    if how == "hydra":
        return value(f"{option.name}={text}")
    if joined or how in _SPREAD:
        return value(option.flag + ("=" if len(option.flag) > 2 else "") + text)
    return f"{value(option.flag)}, {value(text)}"


def _program(script: Script) -> list[str]:
    """The keys of `[run]` that name the program."""
    if not script.module:
        return [f"script = {value(script.typed)}"]
    named = f"module = {value(script.module)}  # its imports are relative"
    return [named, *([f"cwd = {value(script.cwd)}"] if script.cwd not in ("", ".") else [])]


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


def _arguments(parts: _Parts, taken: ScriptOptions) -> list[str]:
    if taken.how == "tuned":
        return ["# it reads its parameters with tuned.current_trial(), so it needs no arguments"]
    if taken.how == "environment":
        given = ", ".join(f"{key(name)} = {value(text)}" for name, text in parts.environment.items())
        return [f"env = {{ {given} }}  # it reads these"] if given else []
    command = [(value(word), "the subcommand that trains") for word in taken.command]
    items = [*parts.before, *command, *parts.arguments]
    if taken.how in _SPREAD:
        style = "{params:hydra}" if taken.how == "hydra" else "{params}"
        items.append((value(style), "every parameter of [space]"))
    elif parts.flags:
        items.append(('"{params:flags}"', "the switches, as the script takes them"))
    if not items:
        return ['args = ["{params}"]  # --name=value for every parameter of [space]']
    return ["args = [", *_aligned([(f"    {text},", why) for text, why in items]), "]"]


def _metrics(found: Found, patterns: Sequence[str], parts: _Parts, metric: str) -> list[str]:
    if found.reported and not patterns:
        return []
    given = list(patterns) or list(found.patterns)
    if given:
        said = [] if patterns else ["# read from what the script prints; `tunectl check FILE --run` shows what matches"]
        return ["[metrics]", *said, "patterns = [", *(f"    {_quoted(pattern)}," for pattern in given), "]", ""]
    parts.todos.append("[metrics]: how to find the metric in the output")
    example = metric or "val_loss"
    return [
        "[metrics]",
        "# TODO: a pattern for the line that the script prints, with a named group for each metric;",
        "# or jsonl, csv, tensorboard = the file that it writes; or tuned.current_trial().report(...) in its code",
        f"patterns = ['{example}[:= ]+(?P<{example}>\\S+)']",
        "",
    ]


def _others(found: Found, metric: str) -> list[str]:
    others = [name for name in found.metrics if name != metric]
    return [f"# it also gives {', '.join(others)}"] if metric and others else []


def _quoted(pattern: str) -> str:
    return f"'{pattern}'" if "'" not in pattern and pattern.isprintable() else value(pattern)


def _aligned(rows: Sequence[tuple[str, str]]) -> list[str]:
    """Lines with their comments in one column, unless a line is long."""
    width = min(max((len(text) for text, why in rows if why), default=0), 72)
    return [f"{text:<{width}}  # {printable(why)}" if why else text for text, why in rows]
