"""The settings of a submitted study that may change while it runs, and their values: the keys of `tunectl set`.

Owns the keys, the values they take and the refusals of all others. Pure: from one specification to the next.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, get_args

from tuned.core import allowed, words
from tuned.core.changes import setting_values
from tuned.core.errors import InvalidInput
from tuned.core.names import nearest
from tuned.core.queue.priorities import LARGEST_PRIORITY
from tuned.core.search.grid import grid_size
from tuned.core.states import Failure
from tuned.core.study import EarlyStopping, StudySpec
from tuned.core.study.notices import KINDS, Notify
from tuned.core.study.searching import StoppingMethod
from tuned.core.study.secrets import masked_within

NONE = ("none", "null", "")


@dataclass(frozen=True, slots=True)
class Setting:
    """One changed key, its values as people write them."""

    path: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.path}: {self.old} -> {self.new}"


@dataclass(frozen=True, slots=True)
class _Key:
    """How a key's new value is read. `sum` says whether `+40` and `-10` move it; `optional` whether it may be none."""

    parse: setting_values.Parse
    sum: bool = False
    optional: bool = False
    later: bool = False


NOTHING: Mapping[str, float] = MappingProxyType({})
_KEYS: dict[str, _Key] = {
    "priority": _Key(setting_values.whole(-LARGEST_PRIORITY, LARGEST_PRIORITY), sum=True),
    "question": _Key(setting_values.one_line),
    "search.trials": _Key(setting_values.whole(*allowed.TRIALS), sum=True, optional=True),
    "search.budget": _Key(setting_values.some_duration, sum=True, optional=True),
    "search.parallel": _Key(setting_values.whole(*allowed.AT_ONCE), sum=True, optional=True),
    "run.timeout": _Key(setting_values.some_duration, sum=True, optional=True, later=True),
    "run.grace": _Key(setting_values.duration, later=True),
    "run.resources.cpus": _Key(setting_values.cores, optional=True, later=True),
    "run.resources.gpus": _Key(setting_values.gpus, optional=True, later=True),
    **{f"run.retries.{kind}": _Key(setting_values.whole(*allowed.RETRIES)) for kind in Failure},
    "early_stopping.method": _Key(setting_values.one_of(*get_args(StoppingMethod))),
    "early_stopping.min_step": _Key(setting_values.above_zero),
    "early_stopping.max_step": _Key(setting_values.above_zero, optional=True),
    "early_stopping.reduction_factor": _Key(setting_values.whole(*allowed.REDUCTION)),
    "early_stopping.keep": _Key(setting_values.whole(*allowed.KEPT)),
    "early_stopping.patience": _Key(setting_values.above_zero, optional=True),
    "early_stopping.min_delta": _Key(setting_values.real(0.0)),
    "early_stopping.rescue": _Key(setting_values.real(0.0, 1.0)),
    "notify.command": _Key(setting_values.command, optional=True),
    "notify.on": _Key(setting_values.kinds),
}
KEYS = tuple(_KEYS)
"""The keys that `set` changes."""

_FIXED = {
    "name": "a study keeps its name",
    "space": "the space has a verb of its own",
    "objective": "what was measured was summed up by it",
    "constraint": "what was measured was judged by it",
    "metrics": "what was reported was read by it",
    "run": "the trials so far ran this way",
    "search": "the points so far were chosen this way",
    "finalize": "it is a part of the study file",
    "test": "it is a part of the study file",
    "playbook": "its steps follow each other by it",
}
_IN_FILE = frozenset({"finalize", "test"})
"""Sections that an edited file changes, and `set` does not."""


def apply(
    spec: StudySpec, priority: int, values: Mapping[str, Any], beyond: Mapping[str, float] = NOTHING
) -> tuple[StudySpec, int, list[Setting], list[str]]:
    """The specification and priority with these keys changed.

    Args:
        spec: As it is.
        priority: The study's, which is kept beside its specification.
        values: Dotted key -> new value, as typed or as plain data. `+40` and `-10` add; `none` takes away.
        beyond: Dotted key -> by how much the study has had more than that key says: points of a person's own come on
            top of its trials, and the last trial runs on beyond its budget. `+2` is two more than it has had.

    Returns:
        The new specification and priority, what differs, and what a person should know of it.

    Raises:
        InvalidInput: A key cannot be changed, or a value does not fit; nothing is changed then.
    """
    if not values:
        raise InvalidInput("no change was given", hint="such as search.trials=+40")
    settings, notes = [], []
    for path, value in values.items():
        key = _KEYS.get(path)
        if key is None:
            raise _refusal(path)
        old = priority if path == "priority" else _read(spec, path)
        more = beyond.get(path) if old is not None and _sign(key, value) == "+" else None
        had = old + more if more else old
        try:
            new = _new_value(key, had, value)
        except setting_values.Wrong as wrong:
            raise InvalidInput(wrong.args[0], where=path, hint=wrong.args[1]) from None
        if new == old:
            continue
        if path == "priority":
            priority = new
        else:
            spec = _write(spec, path, new)
        settings.append(Setting(path, show(path, old), show(path, new)))
        if had != old:
            notes.append(f"{path}: {value} counts from {show(path, had)}, which the study has had")
        if key.later:
            notes.append(f"{path}: from each trial's next start on")
    _check(spec)
    notes += _of_the_grid(spec) if "search.trials" in values else []
    return spec, priority, settings, notes


def between(old: StudySpec, new: StudySpec) -> dict[str, Any]:
    """The values with which `apply` turns one specification into the other, as far as it can."""
    paths = [path for path in KEYS if path != "priority" and _read(old, path) != _read(new, path)]
    values = {path: _read(new, path) for path in paths}
    return {path: "none" if value is None else value for path, value in values.items()}


def _of_the_grid(spec: StudySpec) -> list[str]:
    """A grid that is tried has no more points, however many trials there may be."""
    search = spec.search
    if search.phases or search.method != "grid" or search.trials is None:
        return []
    size = grid_size(spec.space, search.levels) + search.given
    if search.trials <= size:
        return []
    return [f"the grid has {words.count(size, 'point')}; what goes beyond is yours to enqueue"]


def show(path: str, value: Any) -> str:
    """A value as one would write it behind `key=`."""
    if value is None:
        return "none"
    if path in ("search.budget", "run.timeout", "run.grace"):
        return f"{value:g}s"
    if isinstance(value, tuple):
        return json.dumps(masked_within(value)) if path == "notify.command" else ",".join(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _sign(key: _Key, value: Any) -> str:
    """`+` or `-` where a value moves what is there; empty where it takes its place."""
    return value[0] if key.sum and isinstance(value, str) and len(value) > 1 and value[0] in "+-" else ""


def _new_value(key: _Key, old: Any, value: Any) -> Any:
    if isinstance(value, str) and value.strip().lower() in NONE and key.parse is not setting_values.one_line:
        if key.optional:
            return None
        with suppress(setting_values.Wrong):  # "none" may be a word of its own, as of early_stopping.method
            return key.parse(value.strip().lower())
        raise setting_values.Wrong("cannot be none", "give it a value")
    if _sign(key, value):
        if old is None:
            raise setting_values.Wrong(f"has no value that {value} could be added to", f"write {value[1:]}")
        if key.parse is setting_values.some_duration:
            change = setting_values.duration(value[1:]) * (1 if value[0] == "+" else -1)
        else:
            most = allowed.TRIALS[1]
            change = setting_values.whole(-most, most)(value)
        return key.parse(old + change)
    return key.parse(value)


def _read(spec: StudySpec, path: str) -> Any:
    section, _, name = path.partition(".")
    if section == "question":
        return spec.question
    if section == "early_stopping":
        rule = spec.early_stopping
        return ("none" if name == "method" else getattr(EarlyStopping(), name)) if rule is None else getattr(rule, name)
    if section == "notify":
        return getattr(spec.notify or Notify((), KINDS), name) or None
    if path.startswith("run.retries."):
        return spec.run.retries.get(name.partition(".")[2], 0)
    return getattr(getattr(spec, section), name.rpartition(".")[2])


def _write(spec: StudySpec, path: str, value: Any) -> StudySpec:
    section, _, name = path.partition(".")
    if section == "question":
        return replace(spec, question=value)
    if section == "early_stopping":
        # Patience alone asks for no rungs.
        rule = spec.early_stopping or EarlyStopping(method="none")
        return replace(spec, early_stopping=replace(rule, **{name: value}))
    if section == "notify":
        changed = replace(spec.notify or Notify((), KINDS), **{name: value or ()})
        return replace(spec, notify=changed if changed.command else None)
    if path.startswith("run.retries."):
        retries = {**spec.run.retries, name.partition(".")[2]: value}
        return replace(spec, run=replace(spec.run, retries=retries))
    owner = getattr(spec, section)
    return replace(spec, **{section: replace(owner, **{name.rpartition(".")[2]: value})})


def _check(spec: StudySpec) -> None:
    """The rules between keys."""
    if spec.search.trials is None and spec.search.budget is None:
        raise InvalidInput(
            "trials or budget is required", where="search", hint="set search.trials=50 or search.budget=8h"
        )
    if spec.early_stopping is not None:
        spec.early_stopping.check(spec.objectives)


def _refusal(path: str) -> InvalidInput:
    section = path.partition(".")[0]
    near = nearest(path, KEYS)
    if section == "space":
        return InvalidInput("cannot be set: the space has a verb of its own", where=path, hint="see: tunectl space")
    if near.startswith("did you mean") and path.rpartition(".")[2] not in _NEVER:
        return InvalidInput("cannot be set", where=path, hint=near)
    why = _FIXED.get(section)
    if why is None:
        return InvalidInput("is not a known key", where=path, hint=near)
    if section in _IN_FILE:
        return InvalidInput(f"cannot be set: {why}", where=path, hint="edit it, then: tunectl submit FILE --update")
    return InvalidInput(
        f"cannot be changed: {why}", where=path, hint="submit it --as another name; set changes " + ", ".join(KEYS)
    )


_NEVER = frozenset({"seed", "method", "script", "command", "args", "function", "levels", "point", "phase"})
"""Keys that exist and are never changed, however near they are to others."""
