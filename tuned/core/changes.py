"""What of a submitted study may be changed while it runs, and how: the whitelist behind `tunectl set`.

Owns the keys, the values they take and the refusals of all others. Pure: from one specification to the next.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tuned.core.durations import parse_duration
from tuned.core.errors import InvalidInput
from tuned.core.gpu_shares import check_gpus
from tuned.core.names import nearest
from tuned.core.notices import KINDS, Notify, parse_command
from tuned.core.search.grid import grid_size
from tuned.core.states import Failure
from tuned.core.study import EarlyStopping, StudySpec

Parse = Callable[[Any], Any]
NONE = ("none", "null", "")
MOST_TRIALS = 1_000_000


class _Wrong(Exception):
    """A value does not fit; the arguments are what is wrong, and the remedy."""


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

    parse: Parse
    sum: bool = False
    optional: bool = False
    later: bool = False


def _whole(low: int, high: int) -> Parse:
    def parse(value: Any) -> int:
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if isinstance(value, bool) or not math.isfinite(number) or number != int(number):
            raise _Wrong(f"{value!r} is not a whole number", "write digits")
        if not low <= number <= high:
            raise _Wrong(f"{int(number)} is out of range", f"from {low} to {high}")
        return int(number)

    return parse


def _real(low: float, high: float = math.inf) -> Parse:
    def parse(value: Any) -> float:
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise _Wrong(f"{value!r} is not a number", "write a number") from None
        if isinstance(value, bool) or not math.isfinite(number) or not low <= number <= high:
            allowed = f"at least {low:g}" if high == math.inf else f"{low:g} to {high:g}"
            raise _Wrong(f"{value!r} is out of range", allowed)
        return number

    return parse


def _gpus(value: Any) -> float:
    try:
        return check_gpus(_plain_number(value))
    except ValueError as error:
        raise _Wrong(str(error), "write 0, 1, 2, or a part such as 0.5") from None


def _cores(value: Any) -> float:
    number: float = _real(0.0, 4096.0)(value)
    if number <= 0:
        raise _Wrong(f"{value!r} is out of range", "above 0, to 4096")
    return number


def _above_zero(value: Any) -> float:
    number: float = _real(0.0)(value)
    if number <= 0:
        raise _Wrong(f"{value!r} is out of range", "above 0")
    return number


def _duration(value: Any) -> float:
    try:
        seconds = parse_duration(_plain_number(value))
    except ValueError as error:
        raise _Wrong(str(error), "write 2h, 1h30m, 30s, or seconds") from None
    return seconds


def _some_duration(value: Any) -> float:
    seconds = _duration(value)
    if seconds <= 0:
        raise _Wrong("is no time at all", "write 2h, 1h30m, 30s, or seconds")
    return seconds


def _plain_number(value: Any) -> Any:
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _one_of(*words: str) -> Parse:
    def parse(value: Any) -> str:
        if value not in words:
            raise _Wrong(f"{value!r} is not one of {', '.join(words)}", nearest(value, words))
        return str(value)

    return parse


def _line(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 500 or not value.isprintable():
        raise _Wrong("is no single line of text", "write one plain line of at most 500 characters")
    return value


def _kinds(value: Any) -> tuple[str, ...]:
    words = tuple(value.split(",")) if isinstance(value, str) else tuple(value or ())
    for word in words:
        _one_of(*KINDS)(word)
    return words


def _command(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise _Wrong("is not a list", """write '["notify-send", "{title}", "{text}"]'""") from None
    try:
        return parse_command(value)
    except ValueError as error:
        raise _Wrong(str(error), """write '["notify-send", "{title}", "{text}"]'""") from None


_KEYS: dict[str, _Key] = {
    "priority": _Key(_whole(-1_000_000, 1_000_000), sum=True),
    "question": _Key(_line),
    "search.trials": _Key(_whole(1, MOST_TRIALS), sum=True, optional=True),
    "search.budget": _Key(_some_duration, sum=True, optional=True),
    "search.parallel": _Key(_whole(1, 1024), sum=True, optional=True),
    "run.timeout": _Key(_some_duration, sum=True, optional=True, later=True),
    "run.grace": _Key(_duration, later=True),
    "run.resources.cpus": _Key(_cores, later=True),
    "run.resources.gpus": _Key(_gpus, optional=True, later=True),
    **{f"run.retries.{kind}": _Key(_whole(0, 100)) for kind in Failure},
    "early_stopping.method": _Key(_one_of("asha", "median", "none")),
    "early_stopping.min_step": _Key(_above_zero),
    "early_stopping.max_step": _Key(_above_zero, optional=True),
    "early_stopping.reduction_factor": _Key(_whole(2, 100)),
    "early_stopping.patience": _Key(_above_zero, optional=True),
    "early_stopping.min_delta": _Key(_real(0.0)),
    "early_stopping.rescue": _Key(_real(0.0, 1.0)),
    "notify.command": _Key(_command, optional=True),
    "notify.on": _Key(_kinds),
}
KEYS = tuple(_KEYS)
"""What `set` changes."""

_FIXED = {
    "name": "a study keeps its name",
    "space": "the space has a verb of its own",
    "objective": "what was measured was summed up by it",
    "constraint": "what was measured was judged by it",
    "metrics": "what was reported was read by it",
    "run": "the trials so far ran this way",
    "search": "the points so far were chosen this way",
}


def apply(spec: StudySpec, priority: int, values: Mapping[str, Any]) -> tuple[StudySpec, int, list[Setting], list[str]]:
    """The specification and priority with these keys changed.

    Args:
        spec: As it is.
        priority: The study's, which is kept beside its specification.
        values: Dotted key -> new value, as typed or as plain data. `+40` and `-10` add; `none` takes away.

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
        try:
            new = _new_value(key, old, value)
        except _Wrong as wrong:
            raise InvalidInput(wrong.args[0], where=path, hint=wrong.args[1]) from None
        if new == old:
            continue
        if path == "priority":
            priority = new
        else:
            spec = _write(spec, path, new)
        settings.append(Setting(path, show(path, old), show(path, new)))
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
    size = grid_size(spec.space, search.levels) + len(search.points)
    if search.trials <= size:
        return []
    return [f"the grid has {size} points; what goes beyond is yours to enqueue"]


def show(path: str, value: Any) -> str:
    """A value as one would write it behind `key=`."""
    if value is None:
        return "none"
    if path in ("search.budget", "run.timeout", "run.grace"):
        return f"{value:g}s"
    if isinstance(value, tuple):
        return json.dumps(list(value)) if path == "notify.command" else ",".join(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _new_value(key: _Key, old: Any, value: Any) -> Any:
    if isinstance(value, str) and value.strip().lower() in NONE and key.parse is not _line:
        if not key.optional:
            raise _Wrong("cannot be none", "give it a value")
        return None
    if key.sum and isinstance(value, str) and value[:1] in "+-" and value[1:]:
        if old is None:
            raise _Wrong(f"has no value that {value} could be added to", f"write {value[1:]}")
        if key.parse is _some_duration:
            change = _duration(value[1:]) * (1 if value[0] == "+" else -1)
        else:
            change = _whole(-MOST_TRIALS, MOST_TRIALS)(value)
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
        # Whoever sets patience alone does not ask for rungs.
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
    """What must hold between keys."""
    search, rule = spec.search, spec.early_stopping
    if search.trials is None and search.budget is None:
        raise InvalidInput(
            "trials or budget is required", where="search", hint="set search.trials=50 or search.budget=8h"
        )
    if rule is None:
        return
    if rule.method != "none" or rule.patience is not None:
        if not spec.objectives:
            raise InvalidInput("there is no objective to judge by", where="early_stopping", hint="leave it out")
        if len(spec.objectives) > 1:
            raise InvalidInput("needs a single objective", where="early_stopping", hint="leave it out")
    if rule.max_step is not None and rule.max_step <= rule.min_step:
        raise InvalidInput(
            f"max_step ({rule.max_step:g}) is not beyond min_step ({rule.min_step:g})",
            where="early_stopping.max_step",
            hint="it is the step at which a trial has finished",
        )


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
    return InvalidInput(
        f"cannot be changed: {why}", where=path, hint="submit it --as another name; set changes " + ", ".join(KEYS)
    )


_NEVER = frozenset({"seed", "method", "script", "command", "args", "function", "levels", "point", "phase"})
"""Keys that exist and are never changed, however near they are to others."""
