"""A draft of a study file: what was read of a script, laid out with a comment wherever a person should decide.

Owns the layout; `tuned.core.draft.parts` places the options. The modules that read the parts define their meaning.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tuned.core.draft.customs import Custom, customs_of
from tuned.core.draft.defaults import lines_of
from tuned.core.draft.parts import SPREAD, Parts, parts_of
from tuned.core.draft.prints import Found, read_prints
from tuned.core.errors import InvalidInput
from tuned.core.parsing import parsed
from tuned.core.script.literals import imported_modules
from tuned.core.script.modules import Read
from tuned.core.script.option import ScriptOptions
from tuned.core.script.options import read_options
from tuned.core.study_file.reporting import SILENT, reads_arguments
from tuned.core.text import printable
from tuned.core.toml.values import key, value


@dataclass(frozen=True, slots=True)
class Script:
    """A script as far as its text tells.

    Attributes:
        typed: Its path as the study file shall spell it, relative to the file.
        taken: Its options; `found`: the metrics that it prints.
        customs: Ranges that the libraries it imports make customary, by an option's name.
        deaf: It certainly reads no arguments: they would reach nothing.
        configured: It imports what reads a configuration file.
        module: Its name when it has to be run as `python -m NAME`, and `cwd` the folder for that; empty otherwise.
    """

    typed: str
    taken: ScriptOptions
    found: Found
    customs: Mapping[str, Custom] = field(default_factory=dict)
    deaf: bool = False
    configured: bool = False
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
        tree = parsed(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        what = getattr(error, "msg", None) or str(error)
        raise InvalidInput(
            f"is not Python: {what}",
            where=typed if line is None else f"{typed}:{line}",
            hint="name the script that is run, or write a study file with run.command",
        ) from None
    taken = read_options(tree, read)
    own = any(isinstance(node, ast.ImportFrom) and node.level for node in ast.walk(tree))
    modules = {module.split(".")[0] for module in imported_modules(tree)}
    deaf = not taken.how and not own and modules <= SILENT and not reads_arguments(text)
    return Script(typed, taken, read_prints(tree), customs_of(tree), deaf, not _READERS.isdisjoint(modules))


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
    parts = parts_of(script.taken, script.customs, chosen)
    # A range that a person chose is refused by `study_file.reach`, with its own reason.
    deaf = script.deaf and not script.taken.how and chosen is None
    metric = objective[0] if objective else (script.found.metrics[0] if script.found.metrics else "")
    limits = search or {"trials": 30}
    lines = [
        f"# Drafted from {printable(script.typed)}. Every key: tunectl help study-file.",
        "# Try it with: tunectl check FILE --run",
        f"question = {value(question)}" if question else 'question = ""  # one line that says what you want to know',
        "",
        "[run]",
        *_program(script),
        *(_unread(parts) if deaf else _arguments(parts, script.taken, script.configured)),
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


def _program(script: Script) -> list[str]:
    """The keys of `[run]` that name the program."""
    if not script.module:
        return [f"script = {value(script.typed)}"]
    named = f"module = {value(script.module)}  # its imports are relative"
    return [named, *([f"cwd = {value(script.cwd)}"] if script.cwd not in ("", ".") else [])]


_READERS = frozenset({"yaml", "ruamel", "omegaconf", "tomllib", "toml", "configparser"})
_CONFIG = (
    '# or have the configuration file that it reads written for each trial: code = "snapshot" here, and',
    "# [[run.config]]",
    '# from = "config.yaml"',
    '# to = "config.yaml"',
    '# set = { "optim.lr" = "lr" }',
)


def _arguments(parts: Parts, taken: ScriptOptions, configured: bool) -> list[str]:
    if taken.how == "tuned":
        return ["# it reads its parameters with tuned.current_trial(), so it needs no arguments"]
    if taken.how == "environment":
        given = ", ".join(f"{key(name)} = {value(text)}" for name, text in parts.environment.items())
        return [f"env = {{ {given} }}  # it reads these"] if given else []
    command = [(value(word), "the subcommand that trains") for word in taken.command]
    items = [*parts.before, *command, *parts.arguments]
    if taken.how in SPREAD:
        style = "{params:hydra}" if taken.how == "hydra" else "{params}"
        items.append((value(style), "every parameter of [space]"))
    elif parts.flags:
        items.append(('"{params:flags}"', "the switches, as the script takes them"))
    if not items:
        return ['args = ["{params}"]  # --name=value for every parameter of [space]', *(_CONFIG if configured else ())]
    return ["args = [", *_aligned([(f"    {text},", why) for text, why in items]), "]"]


def _unread(parts: Parts) -> list[str]:
    parts.todos.append("[run]: how the script gets its parameters: it reads no arguments")
    return [
        "# TODO: the script reads no arguments. Let it take options (argparse), or ask tuned.current_trial() in it;",
        *_CONFIG,
    ]


def _metrics(found: Found, patterns: Sequence[str], parts: Parts, metric: str) -> list[str]:
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
