"""The settings of the terminal UI: `[ui]` of `config.toml`.

Owns their names and what each may hold. Nothing is written there: what is chosen in the UI is `tui.memory`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tui.actions import ACTIONS, BY_ID, KEYS, shown
from tui.layout import PANES
from tui.news import KINDS
from tuned.core.errors import InvalidInput
from tuned.core.names import nearest
from tuned.core.trials.filter import parse

VIEWS = ("studies", *PANES)
COMMAND_SCOPES = ("main", "trial", "queue")
"""Screens from which a command of the user's own can be run: those with a trial under the cursor."""

PLACES = ("study", "number", "target", "folder")
"""Names in braces that a command of the user's own may hold."""


@dataclass(frozen=True, slots=True)
class OwnCommand:
    """A program that is run on the selected trial: an argument list with placeholders, never a shell's line."""

    name: str
    key: str
    run: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Config:
    """The settings; the defaults are those without a file.

    Attributes:
        view: The pane that has the keys at first.
        bell: Kinds of news that ring the terminal's bell; `notify`: they are sent as notifications (OSC 9), too.
        keys: Id of an action -> its keys.
        filters: Name -> a filter of trials, offered behind `:filter`.
        columns: Study -> metrics that have a column at first.
    """

    view: str = "trials"
    bell: tuple[str, ...] = ()
    notify: bool = False
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    filters: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    commands: tuple[OwnCommand, ...] = ()


def read_config(table: Mapping[str, Any]) -> Config:
    """Read `[ui]`.

    Raises:
        InvalidInput: A name or a value is wrong; the message says which.
    """
    known = ("view", "bell", "notify", "keys", "filters", "columns", "commands")
    for name in table:
        _known(name, known, "ui")
    view = table.get("view", "trials")
    _known(view, VIEWS, "ui.view")
    bell = _texts(table.get("bell", []), "ui.bell")
    for kind in bell:
        _known(kind, KINDS, "ui.bell")
    notify = table.get("notify", False)
    if not isinstance(notify, bool):
        raise InvalidInput("must be true or false", where="ui.notify")
    keys = {}
    for name, value in _table(table, "keys").items():
        _known(name, BY_ID, "ui.keys")
        keys[name] = tuple(_key(text, f"ui.keys.{name}") for text in _texts(value, f"ui.keys.{name}"))
        if not keys[name]:
            raise InvalidInput("needs a key", where=f"ui.keys.{name}")
    filters = {name: _filter(value, f"ui.filters.{name}") for name, value in _table(table, "filters").items()}
    columns = {name: _texts(value, f"ui.columns.{name}") for name, value in _table(table, "columns").items()}
    commands = tuple(_command(name, value) for name, value in _table(table, "commands").items())
    _refuse_twice(keys, commands)
    return Config(view, bell, notify, keys, filters, columns, commands)


def _command(name: str, value: Any) -> OwnCommand:
    where = f"ui.commands.{name}"
    if not isinstance(value, dict) or not {"key", "run"} >= set(value) or "run" not in value:
        raise InvalidInput(
            "must hold run, and may hold key", where=where, hint='{ key = "f5", run = ["ls", "{folder}"] }'
        )
    run = value["run"]
    if not isinstance(run, list) or not run:
        raise InvalidInput("must be a list of arguments", where=f"{where}.run", hint='run = ["ls", "{folder}"]')
    words = _texts(run, f"{where}.run")
    for word in words:
        try:
            word.format(**dict.fromkeys(PLACES, ""))
        except (AttributeError, KeyError, IndexError, ValueError) as error:
            hint = "placeholders: " + ", ".join(f"{{{place}}}" for place in PLACES) + "; {{ is a brace"
            raise InvalidInput(f"cannot fill in {word!r}", where=f"{where}.run", hint=hint) from error
    key = _key(_text(value["key"], f"{where}.key"), f"{where}.key") if "key" in value else ""
    return OwnCommand(name, key, words)


def _key(text: str, where: str) -> str:
    """Textual's name of a key that is written as it is shown: `/` -> `slash`, `F6` -> `f6`."""
    from textual.binding import Binding
    from textual.keys import Keys

    *held, last = [text] if len(text) == 1 else text.lower().split("+")
    if len(last) == 1 and last.isprintable() and last != ",":
        # Textual knows a character by its name in Unicode.
        (bound,) = Binding.make_bindings([Binding(last, "")])
        last = bound.key
    else:
        last = KEYS.get(last, last)
        if last not in {key.value for key in Keys} | set(KEYS.values()):
            last = ""
    if not last or not {"ctrl", "shift", "alt"}.issuperset(held):
        raise InvalidInput(f"there is no key {text!r}", where=where, hint='such as "x", "/", "ctrl+x", "f6", "pgdn"')
    return "+".join((*held, last))


def _filter(value: Any, where: str) -> str:
    try:
        parse(_text(value, where))
    except InvalidInput as error:
        raise InvalidInput(error.what, where=where, hint=error.hint) from error
    return str(value)


def _refuse_twice(keys: Mapping[str, tuple[str, ...]], commands: tuple[OwnCommand, ...]) -> None:
    """A key means one thing on a screen."""
    bound = [(action.id, action.scopes, key) for action in ACTIONS for key in keys.get(action.id, action.keys)]
    bound += [(f"commands.{command.name}", COMMAND_SCOPES, command.key) for command in commands if command.key]
    bound.insert(0, ("the shell's stop", (), "ctrl+z"))
    for place, (name, scopes, key) in enumerate(bound):
        for other, theirs, taken in bound[:place]:
            if key == taken and (not scopes or not theirs or set(scopes) & set(theirs)):
                where = f"ui.keys.{name}" if name in keys else f"ui.{name}" if "." in name else f"ui.keys.{other}"
                raise InvalidInput(f"the key {shown(key)} is taken by both {other} and {name}", where=where)


def _known(name: Any, known: Any, where: str) -> None:
    if name not in known:
        raise InvalidInput(f"there is no {name!r}", where=where, hint=nearest(str(name), known))


def _table(table: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = table.get(name, {})
    if not isinstance(found, dict):
        raise InvalidInput("is no table", where=f"ui.{name}", hint=f"write [ui.{name}]")
    return found


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise InvalidInput("must be text", where=where)
    return value


def _texts(value: Any, where: str) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InvalidInput("must be text, or a list of texts", where=where)
    return tuple(value)
