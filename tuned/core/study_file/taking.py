"""How the script of a study takes its parameters: which option takes which, and whether it takes all of its values.

Owns that match. It rests on the text of the user's files, and only what is certain is refused.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tuned.core.errors import InvalidInput
from tuned.core.files import Files
from tuned.core.parsing import parsed
from tuned.core.program.arguments import items_of, typed
from tuned.core.program.placeholders import LITERAL, PARAMS, Placeholder, formatted, parse_template, value_text
from tuned.core.script.modules import Read
from tuned.core.script.option import Option, ScriptOptions
from tuned.core.script.options import read_options
from tuned.core.script.spelling import check_values, spelling_of
from tuned.core.space import Parameter, SearchSpace, Value
from tuned.core.study import RunSpec
from tuned.core.study_file.reporting import own_files

_FLAG = re.compile(r"--?[A-Za-z][\w.-]*")
_READ = ("argparse", "click", "typer", "fire", "absl", "tyro", "transformers", "lightning", "globals")


@dataclass(frozen=True, slots=True)
class Typed:
    """One parameter that an argument hands to an option.

    Attributes:
        flag: The option, as the argument spells it.
        spec: The placeholder's format.
        where: Key of the argument.
        apart: Whether the value is an argument of its own, behind the option.
    """

    name: str
    flag: str
    spec: str
    where: str
    apart: bool


def options_of(run: RunSpec, files: Files) -> ScriptOptions:
    """The options of the script, or else of the first file beside it that it imports and that declares any."""
    script = script_of(run, files)
    for path in own_files(script, files, run.root, named=False) if script is not None else ():
        try:
            found = read_options(parsed(files.read_text(path)), _reader(path, files))
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        if found.options:
            return found
    return ScriptOptions("")


def _reader(script: str, files: Files) -> Read:
    """Reads a file by its path relative to the script."""

    def read(name: str) -> str | None:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(script), name))
        try:
            return files.read_text(path) if files.is_file(path) else None
        except (OSError, ValueError):
            return None

    return read


def script_of(run: RunSpec, files: Files) -> str | None:
    """The Python script that is run: the study file's own, or the first in a command."""
    if run.kind == "function":
        return None
    if run.script is not None:
        return run.script
    for word in run.command:
        if isinstance(word, str) and word.endswith(".py"):
            path = posixpath.normpath(posixpath.join(run.cwd, word))
            return path if files.is_file(path) else None
    return None


def taken(run: RunSpec, space: SearchSpace, files: Files) -> RunSpec:
    """The run with the spelling of every parameter whose option is known.

    Raises:
        InvalidInput: An option certainly does not take a value that a parameter may have, or takes it for another.
    """
    options = options_of(run, files)
    if options.how not in _READ:
        return run
    script = posixpath.basename(script_of(run, files) or "")
    explicit = {one.name: one for one in typed_apart(run, space)}
    named = {p.name for _, item in items_of(run) for p in _placeholders(item)}
    spread, literal = _spread_where(run, "", "flags"), _spread_where(run, "python")
    spelling = {}
    for parameter in space.parameters:
        if parameter.name in explicit:
            one = explicit[parameter.name]
            option = next((o for o in options.options if one.flag in (o.flag, o.off)), None)
            if option is not None:
                _check_explicit(parameter, option, one, script)
        elif parameter.name not in named and spread:
            option = options.named(parameter.name)
            if option is not None:
                _check_spread(parameter, option, script, spread)
                spelling[parameter.name] = spelling_of(option, parameter.name)
        elif parameter.name not in named and literal:
            option = options.named(parameter.name)
            if option is not None:
                _check_explicit(parameter, option, Typed(parameter.name, option.flag, LITERAL, literal, False), script)
    return replace(run, spelling=spelling)


def typed_apart(run: RunSpec, space: SearchSpace) -> Iterator[Typed]:
    """The parameters that an argument hands to an option by its name: `--lr={lr}`, or `--lr` and then `{lr}`."""
    before = ""
    for where, item in items_of(run):
        if not where.startswith(("run.args", "run.command")):
            continue
        for text in (item,) if isinstance(item, str) else item:
            pieces = parse_template(text, where)
            last = pieces[-1] if pieces else ""
            if isinstance(last, Placeholder) and last.name in space.names:
                if len(pieces) == 1 and _FLAG.fullmatch(before):
                    yield Typed(last.name, before, last.spec, where, True)
                elif len(pieces) == 2 and isinstance(pieces[0], str) and pieces[0].endswith("="):
                    yield Typed(last.name, pieces[0][:-1], last.spec, where, False)
            before = text


def _placeholders(item: str | tuple[str, ...]) -> Iterator[Placeholder]:
    for text in (item,) if isinstance(item, str) else item:
        yield from (piece for piece in parse_template(text) if isinstance(piece, Placeholder))


def _spread_where(run: RunSpec, *styles: str) -> str:
    """The key of the argument that spreads parameters as options in one of these styles; empty when there is none."""
    for where, item in items_of(run):
        if any(p.name == PARAMS and p.spec in styles for p in _placeholders(item)):
            return where
    return ""


@dataclass(frozen=True, slots=True)
class Arrives:
    """How a parameter that arguments type arrives: the code's own name for it, and whether the text tells its value."""

    dest: str
    sure: bool


def arriving(run: RunSpec, space: SearchSpace, options: ScriptOptions) -> dict[str, Arrives]:
    """The parameters that arguments type, in the order of the space.

    Args:
        run: How a trial is run.
        space: Its parameters.
        options: The script's.
    """
    apart = {one.name: one for one in typed_apart(run, space)}
    words = [(where, p) for where, item in items_of(run) for p in _placeholders(item)]
    specs = {p.name: p.spec for where, p in reversed(words) if where.startswith(("run.args", "run.command"))}
    elsewhere = {p.name for _, p in words} - specs.keys()
    found = {}
    for parameter in space.parameters:
        name, spread = parameter.name, specs.get(PARAMS)
        if name not in specs and (spread is None or name in elsewhere):
            continue
        literal = specs[name] == LITERAL if name in specs else spread == "python"
        option = next((o for o in options.options if name in apart and apart[name].flag in (o.flag, o.off)), None)
        option = option or options.named(name)
        sure = option is not None and not _is_open(parameter, option, literal)
        dest = option.dest if option is not None and option.dest else name.replace("-", "_").rpartition(".")[2]
        found[name] = Arrives(dest, sure or (name not in specs and spread == "hydra"))
    return found


def _is_open(parameter: Parameter, option: Option, literal: bool) -> bool:
    """Whether the option's reader may take a value of the parameter for another one."""
    values = [value for value in values_of(parameter) if isinstance(value, bool | str)]
    if literal and option.truth not in ("python", "literal"):
        return bool(values)
    return option.truth == "unknown" and any(isinstance(value, bool) for value in values)


def values_of(parameter: Parameter) -> tuple[Value, ...]:
    """The values of a choice, or a range's two ends and a value between that is no round number."""
    if parameter.low is None or parameter.high is None:
        return parameter.values
    if parameter.kind == "int":
        return (parameter.low, parameter.high)
    return (parameter.low, parameter.high, parameter.low + (parameter.high - parameter.low) * 0.37)


def _check_spread(parameter: Parameter, option: Option, script: str, where: str) -> None:
    values = values_of(parameter)
    if option.positional:
        hint = f'write "{{{parameter.name}}}" as an argument of its own'
        raise InvalidInput(f"{script} takes {parameter.name} by its place, not by name", where=where, hint=hint)
    check_values(option, parameter.name, values, [value_text(value) for value in values], script)


def _check_explicit(parameter: Parameter, option: Option, one: Typed, script: str) -> None:
    values, name = values_of(parameter), parameter.name
    if any(isinstance(value, bool) for value in values):
        spelling = spelling_of(option, name)
        shown = [formatted(value, one.spec) for value in values]
        right = option.kind != "flag" and all(
            typed(spelling, value) == (spelling.prefix + text,) for value, text in zip(values, shown, strict=True)
        )
        if option.declared and not right and option.truth not in ("unknown", "words"):
            how = "without a value" if option.kind == "flag" else f"not as {' or '.join(shown)}"
            hint = 'write "{params:flags}" in its place, which types what the option takes'
            raise InvalidInput(f"{script} takes {one.flag} {how}", where=one.where, hint=hint)
        return
    check_values(option, name, values, [formatted(value, one.spec) for value in values], script)
