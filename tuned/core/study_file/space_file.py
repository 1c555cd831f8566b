"""Reading `[space]` of a study file into a `SearchSpace`, or one line that says what is wrong with it.

Owns the spelling of parameters in a file. The meaning of a space is `tuned.core.space`'s.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tuned.core.errors import InvalidInput
from tuned.core.names import check_parameter_name, nearest, no_parameter
from tuned.core.space import Parameter, SearchSpace, Value, same_value
from tuned.protocol import environment_name

_KEYS = {
    "float": ("low", "high", "log", "likely"),
    "int": ("low", "high", "log", "likely"),
    "choice": ("values", "ordered", "likely"),
    "bool": ("likely",),
    "fixed": ("value",),
}
_COMMON = ("type", "when", "role")
_ROLES = ("scientific", "nuisance", "fixed")
_LARGEST_INT = 2**53
"""Beyond this a float cannot tell neighbours apart, and JSON readers begin to lie."""


def parse_space(table: Mapping[str, Any]) -> SearchSpace:
    """The search space of a `[space]` table.

    Args:
        table: Parameter name -> its table, a list (short for a choice) or a scalar (short for a fixed value).

    Returns:
        The space, every parent before its children, otherwise in the file's order.

    Raises:
        InvalidInput: One line with the key's path and the remedy.
    """
    parsed: dict[str, Parameter] = {}
    whens: dict[str, Any] = {}
    spelled: dict[str, str] = {}
    for name, entry in table.items():
        where = f"space.{name}"
        check_parameter_name(name, where)
        other = spelled.setdefault(environment_name(name), name)
        if other != name:
            raise InvalidInput(
                f"{name} and {other} would both be TUNED_PARAM_{environment_name(name)}",
                where=where,
                hint="rename one of them",
            )
        parsed[name] = _with_likely(_parameter(name, entry, where), entry, where)
        if isinstance(entry, Mapping):
            whens[name] = entry.get("when", {})
    conditions = {name: _when(name, when, parsed) for name, when in whens.items() if when != {}}
    ordered = _parents_first(parsed, conditions)
    _refuse_never_active(ordered)
    return SearchSpace(tuple(ordered))


def _parameter(name: str, entry: Any, where: str) -> Parameter:
    if isinstance(entry, list):
        entry = {"type": "choice", "values": entry}
    elif not isinstance(entry, Mapping):
        entry = {"type": "fixed", "value": entry}
    kind = entry.get("type", "choice" if "values" in entry else None)
    if kind is None:
        nested = [key for key, value in entry.items() if isinstance(value, Mapping)]
        if nested and "when" not in nested:
            raise InvalidInput("has no type", where=where, hint=f'quote a name with a dot: "{name}.{nested[0]}" = ...')
        raise InvalidInput("has no type", where=where, hint="type is one of " + ", ".join(_KEYS))
    if not isinstance(kind, str) or kind not in _KEYS:
        raise InvalidInput(f"{kind!r} is no type", where=f"{where}.type", hint=nearest(kind, _KEYS))
    known = _COMMON + _KEYS[kind]
    for key in entry:
        if key not in known:
            raise InvalidInput(f"is no key of a {kind}", where=f"{where}.{key}", hint=nearest(key, known))
    role = entry.get("role", "fixed" if kind == "fixed" else "nuisance")
    if role not in _ROLES:
        raise InvalidInput(f"{role!r} is no role", where=f"{where}.role", hint=nearest(role, _ROLES))
    if kind in ("float", "int"):
        return _range(name, kind, entry, role, where)
    if kind == "bool":
        return Parameter(name, "bool", values=(False, True), role=role)
    if kind == "fixed":
        if "value" not in entry:
            raise InvalidInput("has no value", where=f"{where}.value", hint="add value = ...")
        return Parameter(name, "fixed", values=(_scalar(entry["value"], f"{where}.value"),), role=role)
    return _choice(name, entry, role, where)


def _with_likely(parameter: Parameter, entry: Any, where: str) -> Parameter:
    if not isinstance(entry, Mapping) or "likely" not in entry or parameter.kind == "fixed":
        return parameter
    try:
        return replace(parameter, likely=parameter.cast(entry["likely"]))
    except InvalidInput as error:
        raise InvalidInput(error.what, where=f"{where}.likely", hint="name a value of the space") from None


def _range(name: str, kind: Any, entry: Mapping[str, Any], role: Any, where: str) -> Parameter:
    low, high = (_bound(kind, entry, key, where) for key in ("low", "high"))
    log = _flag(entry, "log", where)
    if low >= high:
        raise InvalidInput(
            f"low ({low:g}) is not below high ({high:g})",
            where=f"{where}.low",
            hint="swap them" if low > high else f"for one value write {name} = {low:g}",
        )
    if log and low <= 0:
        raise InvalidInput(
            f"a log scale needs low > 0, not {low:g}", where=f"{where}.low", hint="raise low, or drop log"
        )
    if not math.isfinite(high - low):
        raise InvalidInput("the range is too wide for a float", where=f"{where}.high", hint="narrow it")
    return Parameter(name, kind, low=low, high=high, log=log, role=role)


def _bound(kind: str, entry: Mapping[str, Any], key: str, where: str) -> float | int:
    path = f"{where}.{key}"
    if key not in entry:
        raise InvalidInput(f"a {kind} needs {key}", where=path, hint=f"add {key} = ...")
    value = entry[key]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(f"{value!r} is not a number", where=path, hint="write it without quotes")
    try:
        number = float(value)
    except OverflowError:
        raise InvalidInput("the number is too large", where=path, hint="narrow the range") from None
    if not math.isfinite(number):
        raise InvalidInput(f"{value!r} is not finite", where=path, hint="give a finite bound")
    if kind == "float":
        return number
    if value != int(value):
        raise InvalidInput(f"{value!r} is not a whole number", where=path, hint='use type = "float", or round it')
    if abs(value) > _LARGEST_INT:
        raise InvalidInput(f"{value!r} is too large", where=path, hint="stay within 2**53, or use a float")
    return int(value)


def _flag(entry: Mapping[str, Any], key: str, where: str, default: bool = False) -> bool:
    value = entry.get(key, default)
    if not isinstance(value, bool):
        raise InvalidInput(f"{value!r} is neither true nor false", where=f"{where}.{key}", hint="write true or false")
    return value


def _choice(name: str, entry: Mapping[str, Any], role: Any, where: str) -> Parameter:
    path = f"{where}.values"
    raw = entry.get("values")
    if not isinstance(raw, list | tuple):
        raise InvalidInput("a choice needs a list of values", where=path, hint='values = ["a", "b"]')
    values = tuple(_scalar(value, path) for value in raw)
    if not values:
        raise InvalidInput("a choice of nothing", where=path, hint="list at least two values")
    for i, value in enumerate(values):
        if any(same_value(value, before) for before in values[:i]):
            raise InvalidInput(f"{value!r} is there twice", where=path, hint="drop one")
    if len({_family(value) for value in values}) > 1:
        raise InvalidInput("mixes types", where=path, hint="make all values text, all numbers, or all true/false")
    if len(values) == 1:
        return Parameter(name, "fixed", values=values, role="fixed" if "role" not in entry else role)
    if _family(values[0]) == "bool":
        return Parameter(name, "bool", values=(False, True), role=role)
    # Numbers written in order, up or down, are meant as points on a line, as in batch = [8, 32, 128].
    in_order = _family(values[0]) == "number" and list(values) in (sorted(values), sorted(values, reverse=True))
    return Parameter(name, "choice", values=values, ordered=_flag(entry, "ordered", where, in_order), role=role)


def _family(value: Value) -> str:
    if isinstance(value, bool):
        return "bool"
    return "text" if isinstance(value, str) else "number"


def _scalar(value: Any, where: str) -> Value:
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidInput(f"{value!r} is not finite", where=where, hint="use a finite number, or text")
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _LARGEST_INT:
        raise InvalidInput(f"{value!r} is too large", where=where, hint="stay within 2**53, or write it as text")
    if isinstance(value, str) and "\0" in value:
        raise InvalidInput("text cannot hold a NUL", where=where, hint="drop it")
    if isinstance(value, bool | int | float | str):
        return value
    raise InvalidInput(
        f"{value!r} is neither text, number nor true/false", where=where, hint="put it in quotes to pass it as text"
    )


def _when(name: str, when: Any, parsed: Mapping[str, Parameter]) -> tuple[tuple[str, tuple[Value, ...]], ...]:
    where = f"space.{name}.when"
    if not isinstance(when, Mapping):
        raise InvalidInput(f"{when!r} is no table", where=where, hint='when = { optimizer = "sgd" }')
    condition = []
    for parent, wanted in when.items():
        path = f"{where}.{parent}"
        if parent == name:
            raise InvalidInput("depends on itself", where=path, hint="name another parameter")
        if parent not in parsed:
            raise no_parameter(parent, [other for other in parsed if other != name], path)
        if parsed[parent].kind in ("float", "int"):
            raise InvalidInput(
                f"{parent} is a range, and only a choice can decide what is active", where=path, hint="make it a choice"
            )
        values = wanted if isinstance(wanted, list) else [wanted]
        if not values:
            raise InvalidInput("waits for no value at all", where=path, hint="list the values, or drop it")
        condition.append((parent, tuple(_parent_value(parsed[parent], value, path) for value in values)))
    return tuple(condition)


def _parent_value(parent: Parameter, value: Any, where: str) -> Value:
    for known in parent.values:
        if same_value(known, value):
            return known
    raise InvalidInput(
        f"{parent.name} is never {value!r}", where=where, hint=nearest(value, [str(v) for v in parent.values])
    )


def _parents_first(
    parsed: Mapping[str, Parameter], conditions: Mapping[str, tuple[tuple[str, tuple[Value, ...]], ...]]
) -> list[Parameter]:
    placed: dict[str, Parameter] = {}
    waiting = dict(parsed)
    while waiting:
        ready = next((n for n in waiting if all(parent in placed for parent, _ in conditions.get(n, ()))), None)
        if ready is None:
            names = [n for n in waiting if n in conditions]
            raise InvalidInput(
                "waits for itself in a circle: " + ", ".join(names),
                where=f"space.{names[0]}.when",
                hint="drop one of these conditions",
            )
        p = waiting.pop(ready)
        placed[ready] = replace(p, when=conditions.get(ready, ()))
    return list(placed.values())


def _refuse_never_active(parameters: list[Parameter]) -> None:
    """A parameter whose conditions, its parents' among them, contradict each other would never be used."""
    needs: dict[str, dict[str, tuple[Value, ...]]] = {}
    for parameter in parameters:
        need: dict[str, tuple[Value, ...]] = {}
        for parent, values in parameter.when:
            for ancestor, allowed in [(parent, values), *needs[parent].items()]:
                both = tuple(v for v in need.get(ancestor, allowed) if any(same_value(v, a) for a in allowed))
                if not both:
                    raise InvalidInput(
                        f"can never be active: its conditions on {ancestor} contradict each other",
                        where=f"space.{parameter.name}.when",
                        hint="drop one of them",
                    )
                need[ancestor] = both
        needs[parameter.name] = need
