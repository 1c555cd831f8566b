"""Callers: programs that name themselves, and the caps that a person has set for them.

Owns the table `[caller.NAME]` of config.toml, and whether what a request did lies within the caps. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tuned.core import events, words
from tuned.core.errors import Conflict, InvalidInput
from tuned.core.events import Event
from tuned.core.names import nearest

ANYBODY = "*"
"""`[caller."*"]`: the caps of every caller that has no table of its own."""

_STARTS = frozenset({events.TRIAL_QUEUED, events.STUDY_SUBMITTED, events.STUDY_CHANGED, events.STUDY_STEP})
"""Events by which more work is asked for; moves to `running` and `queued` besides."""


@dataclass(frozen=True, slots=True)
class Caps:
    """The limits of a caller; None: no limit.

    Attributes:
        gpu_hours: Hours of cards, or of CPU slots where there is no card, over all of its trials.
        trials: Trials, those included that its open studies will still make.
        delete: Whether it may delete studies.
        others: Whether it may change what it has not submitted: studies of people and other callers, the machine.
    """

    gpu_hours: float | None = None
    trials: int | None = None
    delete: bool = False
    others: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)

    def narrowed(self, other: Caps) -> Caps:
        """The narrower of both, cap by cap; `others` stays."""
        hours = [h for h in (self.gpu_hours, other.gpu_hours) if h is not None]
        trials = [n for n in (self.trials, other.trials) if n is not None]
        return Caps(
            min(hours, default=None),
            min(trials, default=None),
            self.delete and other.delete,
            self.others,
        )


def caps_of(table: Mapping[str, Any], where: str) -> Caps:
    """The caps of a table.

    Args:
        table: Key -> value.
        where: Its place, for refusals: `config.toml: caller.agent`.

    Raises:
        InvalidInput: A key or value is wrong.
    """
    known = tuple(Caps.__dataclass_fields__)
    for key, value in table.items():
        if key not in known:
            raise InvalidInput("is not a known key", where=f"{where}.{key}", hint=nearest(key, known))
        flag = key in ("delete", "others")
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if flag and not isinstance(value, bool):
            raise InvalidInput("must be true or false", where=f"{where}.{key}", hint=f"e.g. {key} = false")
        if not flag and not (
            number and math.isfinite(value) and value >= 0 and (key != "trials" or value == int(value))
        ):
            raise InvalidInput(f"{value!r} is no limit", where=f"{where}.{key}", hint=f"e.g. {key} = 8")
    return Caps(**table)


def caps_for(name: str, tables: Mapping[str, Any], told: Mapping[str, Any]) -> Caps | None:
    """The caps of a caller; None where nobody has set any.

    Args:
        name: The caller.
        tables: `[caller]` of config.toml: caller -> its table.
        told: Caller -> caps that its server was started with: they narrow those of the file, which alone says whether
            it may change what is not its own.

    Raises:
        InvalidInput: A table is wrong.
    """
    key = name if name in tables else ANYBODY
    table = tables.get(key)
    if table is not None and not isinstance(table, Mapping):
        raise InvalidInput("is no table", where=f"config.toml: caller.{key}", hint=f"write [caller.{name}]")
    in_file = None if table is None else caps_of(table, f"config.toml: caller.{key}")
    at_start = Caps(**told[name]) if name in told else None
    if in_file is None or at_start is None:
        return in_file or at_start
    return in_file.narrowed(at_start)


def check_change(
    name: str,
    caps: Caps,
    happened: Sequence[Event],
    owners: Mapping[str, str],
    used: tuple[int, int, float],
) -> None:
    """Make sure that what a request did lies within the caps, before it is committed.

    Args:
        name: The caller.
        caps: Its caps.
        happened: The events of the request.
        owners: Study -> caller that submitted it, before and after the request; those of people are missing.
        used: Trials before the request and after it, and hours.

    Raises:
        Conflict: It does not; the message names the cap.
    """
    for event in happened:
        if event.study and owners.get(event.study, "") != name and not caps.others:
            refuse(name, "others", f"{event.study} is not a study that {name} has submitted")
        if event.type == events.STUDY_DELETED and "renamed" not in event.data and not caps.delete:
            refuse(name, "delete", f"{name} may delete no study")
    before, after, hours = used
    if caps.trials is not None and after > max(before, caps.trials):
        refuse_trials(name, caps.trials, after)
    if caps.gpu_hours is not None and hours >= caps.gpu_hours and asks_for_work(happened):
        refuse(name, "gpu_hours", f"{name} has used {hours:.2f} of its {caps.gpu_hours:g} GPU-hours")


def refuse_trials(name: str, most: int, would_have: int) -> None:
    """Refuse a request for more trials than a caller may have.

    Raises:
        Conflict: Always.
    """
    refuse(
        name, "trials", f"{name} may have {words.count(most, 'trial')} in all, and with this it would have {would_have}"
    )


def refuse(name: str, cap: str, what: str) -> None:
    """Refuse a request.

    Raises:
        Conflict: Always.
    """
    hint = f"only a person widens it: {cap} {_where(name)}; tunectl status shows what is left"
    raise Conflict(what, where=f"caller.{name}.{cap}", hint=hint)


def _where(name: str) -> str:
    return f"in [caller.{name}] of config.toml, or where its server is started"


def halted(name: str, why: str) -> str:
    """The reason for which a caller's studies are paused."""
    return f"{name} is halted: {why} {_where(name)})"


def asks_for_work(happened: Iterable[Event]) -> bool:
    """Whether something may run because of these events that would not have run without them."""
    moves = (events.STUDY_MOVED, events.TRIAL_MOVED)
    return any(e.type in _STARTS or (e.type in moves and e.data.get("to") in ("running", "queued")) for e in happened)


def over(caps: Caps, trials: int, hours: float) -> str:
    """Why a caller's studies are halted: the cap that is reached, in words; empty where none is."""
    if caps.gpu_hours is not None and hours >= caps.gpu_hours:
        return f"{hours:.2f} of {caps.gpu_hours:g} GPU-hours are used (gpu_hours"
    if caps.trials is not None and trials > caps.trials:
        return f"{trials} of {caps.trials} trials are used (trials"
    return ""
