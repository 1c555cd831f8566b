"""The point of a space that a script's own defaults are: the first trial of a draft, and its baseline.

Owns the default that each kind of option means, and whether it is a point of the space.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tuned.core.script.option import Option, Value
from tuned.core.space import same_value
from tuned.core.toml.values import key, value


def default_of(option: Option, name: str) -> Value | None:
    """The value that the parameter `name` has when nothing is typed for its option; None when the text does not say."""
    if option.kind == "flag":
        return option.on if option.off else option.inverts and name.replace("-", "_") == option.dest
    return option.default


def lines_of(defaults: Mapping[str, tuple[Any, Value | None]], search: Mapping[str, Any]) -> list[str]:
    """`[[search.point]]` with the defaults; a comment where they are no point of the space.

    Args:
        defaults: Parameter that is varied -> its entry in `[space]` and its option's default.
        search: The entries of `[search]`.
    """
    if not defaults or search.get("method") == "grid":
        return []
    point = {name: default for name, (entry, default) in defaults.items() if _active(entry, defaults)}
    if None in point.values():
        return []
    outside = [name for name, default in point.items() if not _inside(defaults[name][0], default)]
    nearest = {name: defaults[name][0]["low"] for name in outside if _is_zero_below(defaults[name][0], point[name])}
    if len(nearest) < len(outside):
        named = ", ".join(f"{name} = {value(point[name])}" for name in outside)
        return ["", f"# no baseline: of the script's own defaults {named} lies outside of [space]"]
    why = "# the script's own defaults: they run first, and the others are compared with them"
    lines = [f"{key(name)} = {value(nearest.get(name, default))}" for name, default in point.items()]
    aside = {name: f"  # {value(point[name])} in the script; this is the least of [space]" for name in nearest}
    lines = [line + aside.get(name, "") for name, line in zip(point, lines, strict=True)]
    return ["", why, "[[search.point]]", 'label = "baseline"', *lines]


def _is_zero_below(entry: Any, default: Any) -> bool:
    """Whether a default is the zero below a range on a log scale, which cannot hold it: next to none is its low end."""
    return isinstance(entry, Mapping) and bool(entry.get("log")) and same_value(default, 0)


def _active(entry: Any, defaults: Mapping[str, tuple[Any, Value | None]]) -> bool:
    when = entry.get("when", {}) if isinstance(entry, Mapping) else {}
    for parent, wanted in when.items():
        choices = wanted if isinstance(wanted, list) else [wanted]
        if parent in defaults and not any(same_value(defaults[parent][1], choice) for choice in choices):
            return False
    return True


def _inside(entry: Any, default: Any) -> bool:
    if isinstance(entry, Mapping):
        if entry.get("type") == "bool":
            return isinstance(default, bool)
        if "values" in entry:
            return any(same_value(default, choice) for choice in entry["values"])
        whole = entry.get("type") != "int" or (isinstance(default, int | float) and default == int(default))
        number = isinstance(default, int | float) and not isinstance(default, bool)
        return number and whole and bool(entry["low"] <= default <= entry["high"])
    return any(same_value(default, choice) for choice in (entry if isinstance(entry, list) else [entry]))
