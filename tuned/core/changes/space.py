"""Edits of a search space while its study runs: bounds, values, parameters added, fixed and dropped.

Owns what an edit may say and what it makes of a space. The result is read as if a study file had said it, so the same
rules and the same words hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tuned.core.errors import InvalidInput
from tuned.core.names import nearest, no_parameter
from tuned.core.search.design import complete_point
from tuned.core.space.parameter import Parameter
from tuned.core.space.search_space import SearchSpace
from tuned.core.study_file.space_file import parse_space

KEYS = ("low", "high", "log", "values", "ordered", "value", "role")


@dataclass(frozen=True, slots=True)
class SpaceEdit:
    """An edit, not yet applied.

    Attributes:
        set: `NAME.KEY` -> value.
        add: Name -> its table as in a study file; `was` in it is the value that earlier trials ran with.
        fix: Name -> the one value from now on.
        drop: Name -> the value that the code uses without it; None when that is not known.
    """

    set: Mapping[str, Any] = field(default_factory=dict)
    add: Mapping[str, Any] = field(default_factory=dict)
    fix: Mapping[str, Any] = field(default_factory=dict)
    drop: Mapping[str, Any] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether it asks for nothing."""
        return not (self.set or self.add or self.fix or self.drop)


def edited(space: SearchSpace, edit: SpaceEdit) -> SearchSpace:
    """The space after an edit.

    Raises:
        InvalidInput: A name or key is unknown, a value is wrong, or what is left is no space.
    """
    table = {p.name: entry_of(p) for p in space.parameters}
    was: dict[str, Any] = {p.name: p.was for p in space.parameters if p.was is not None}
    for path, value in edit.set.items():
        _set(table, path, value)
    for name, value in edit.fix.items():
        _known(table, name)
        entry = {"type": "fixed", "value": space[name].cast(value), "when": table[name].get("when", {})}
        table[name] = {key: content for key, content in entry.items() if content != {}}
    gone = dict(space.gone)
    for name, value in edit.drop.items():
        _known(table, name)
        gone[name] = None if value is None else space[name].cast(value)
        _refuse_needed(space, name)
        del table[name]
    for name, entry in edit.add.items():
        if name in table:
            raise InvalidInput("is there already", where=f"space.{name}", hint=f"--set {name}.high=... changes it")
        table[name] = {k: v for k, v in entry.items() if k != "was"} if isinstance(entry, Mapping) else entry
        if isinstance(entry, Mapping) and "was" in entry:
            was[name] = entry["was"]
        gone.pop(name, None)
    kept = {name: entry.pop("likely", None) for name, entry in table.items() if name not in edit.add}
    read = parse_space(table)
    found = replace(read, parameters=tuple(p.with_likely(kept.get(p.name, p.likely)) for p in read.parameters))
    parameters = tuple(_with_was(p, was[p.name], p.name in edit.add) if p.name in was else p for p in found.parameters)
    return _met(replace(found, parameters=parameters, constraints=space.constraints, gone=tuple(gone.items())))


def restored(now: SearchSpace, old: SearchSpace) -> SearchSpace:
    """An earlier space in use again: of what is not part of it, trials fit that ran with the value used without it."""
    dropped = {p.name: p.was for p in now.parameters if p.name not in old.names}
    return replace(old, gone=tuple({**dict(old.gone), **dropped}.items()))


def between(old: SearchSpace, new: SearchSpace) -> SpaceEdit:
    """The edit of bounds, values and roles that makes one space of the other, as far as these can."""
    values: dict[str, Any] = {}
    for parameter in old.parameters:
        if parameter.name in new.names and new[parameter.name].kind == parameter.kind:
            before, after = entry_of(parameter), entry_of(new[parameter.name])
            changed = [key for key in KEYS if key in after and before.get(key) != after[key]]
            values.update({f"{parameter.name}.{key}": after[key] for key in changed})
    return SpaceEdit(set=values)


def entry_of(parameter: Parameter) -> dict[str, Any]:
    """A parameter as the table of a study file that means it."""
    entry: dict[str, Any] = {"type": parameter.kind}
    if parameter.kind in ("float", "int"):
        entry |= {"low": parameter.low, "high": parameter.high, "log": parameter.log}
    elif parameter.kind == "choice":
        entry |= {"values": list(parameter.values), "ordered": parameter.ordered}
    elif parameter.kind == "fixed":
        entry["value"] = parameter.values[0]
    if parameter.when:
        entry["when"] = {parent: list(values) for parent, values in parameter.when}
    if parameter.likely is not None:
        entry["likely"] = parameter.likely
    return {**entry, "role": parameter.role}


def changes_between(old: SearchSpace, new: SearchSpace) -> list[str]:
    """The differences, one line each, such as `lr.high: 0.1 -> 1`."""
    lines = []
    for parameter in old.parameters:
        if parameter.name not in new.names:
            lines.append(f"{parameter.name}: dropped")
            continue
        before, after = entry_of(parameter), entry_of(new[parameter.name])
        if before["type"] != after["type"]:
            lines.append(f"{parameter.name}: {_range(parameter)} -> {_range(new[parameter.name])}")
            continue
        lines += [
            f"{parameter.name}.{key}: {_text(before.get(key))} -> {_text(after.get(key))}"
            for key in dict.fromkeys([*before, *after])
            if before.get(key) != after.get(key)
        ]
    lines += [f"{p.name}: added, {_range(p)}" for p in new.parameters if p.name not in old.names]
    return lines


def _set(table: dict[str, dict[str, Any]], path: str, value: Any) -> None:
    name, dot, key = path.rpartition(".")
    if not dot:
        raise InvalidInput("names no key", where=f"space.{path}", hint=f"write {path}.high=..., or --fix {path}=...")
    _known(table, name)
    if key not in KEYS:
        raise InvalidInput("cannot be changed", where=f"space.{path}", hint=nearest(key, KEYS))
    table[name][key] = value


def _known(table: Mapping[str, Any], name: str) -> None:
    if name not in table:
        raise no_parameter(name, table)


def _refuse_needed(space: SearchSpace, name: str) -> None:
    children = [p.name for p in space.parameters if name in dict(p.when)]
    if children:
        raise InvalidInput(f"{children[0]} depends on it", where=f"space.{name}", hint=f"drop {children[0]} first")
    if any(name in dict(c.terms) for c in space.constraints):
        raise InvalidInput("a space_constraint names it", where=f"space.{name}", hint="fix it instead of dropping it")


def _with_was(parameter: Parameter, value: Any, new: bool) -> Parameter:
    if not new:
        return replace(parameter, was=value)  # it may lie outside by now, and no earlier trial fits then
    try:
        return replace(parameter, was=parameter.cast(value))
    except InvalidInput as error:
        where, hint = f"space.{parameter.name}.was", "earlier trials fit only a range that holds it"
        raise InvalidInput(error.what, where=where, hint=hint) from None


def _met(space: SearchSpace) -> SearchSpace:
    if space.constraints:
        try:
            complete_point(space, {}, 0, 0)
        except InvalidInput:
            raise InvalidInput(
                "no point of the space would meet it", where="space_constraint", hint="widen a bound"
            ) from None
    return space


def _range(parameter: Parameter) -> str:
    if parameter.kind in ("float", "int"):
        return f"{parameter.low:g} .. {parameter.high:g}" + (" (log)" if parameter.log else "")
    return ", ".join(_text(value) for value in parameter.values)


def _text(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ", ".join(_text(v) for v in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
