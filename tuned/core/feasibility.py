"""The constraints that a trial breaks, in words; and a study in which every result breaks one.

There is no best trial then, and the closest one says how far. Owns these words, and the refusal of what needs a best
trial. Which trials are ranked is `tuned.core.ranking`'s. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from tuned.core.errors import InvalidInput
from tuned.core.study import Constraint
from tuned.core.words import number
from tuned.protocol import decode_number


class Measured(Protocol):
    """Fields of a trial, or of a row about it, that decide feasibility."""

    @property
    def number(self) -> int:
        """From 1."""

    @property
    def values(self) -> Mapping[str, Any]:
        """Metric -> its summary."""


def broken(values: Mapping[str, Any], constraints: Iterable[Constraint]) -> list[Constraint]:
    """The constraints that a trial's values break; a metric that was not reported breaks none."""
    return [c for c in constraints if c.metric in values and not c.holds(decode_number(values[c.metric]))]


def breaks(values: Mapping[str, Any], constraints: Iterable[Constraint]) -> list[str]:
    """The bounds that a trial's values break, each with its value: `size <= 60 (70)`."""
    return [f"{bound(c)} ({number(values[c.metric])})" for c in broken(values, constraints)]


def bound(constraint: Constraint) -> str:
    """A constraint as people write it: `20 <= size <= 60`."""
    least = "" if constraint.at_least is None else f"{number(constraint.at_least)} <= "
    most = "" if constraint.at_most is None else f" <= {number(constraint.at_most)}"
    return f"{least}{constraint.metric}{most}"


def none_keeps(trials: Sequence[Measured], constraints: Sequence[Constraint]) -> str:
    """One sentence that names the bounds and the closest trial; empty unless all results break a constraint.

    Args:
        trials: Those that have ended.
        constraints: All of the study's.
    """
    known = [trial for trial in trials if any(_value(trial, c) is not None for c in constraints)]
    if not known or any(_excess(trial, constraints) == 0.0 for trial in known):
        return ""
    bounds = ", ".join(bound(constraint) for constraint in constraints)
    closest = min(known, key=lambda trial: (_excess(trial, constraints), trial.number))
    shown = ", ".join(f"{c.metric} {number(value)}" for c in constraints if (value := _value(closest, c)) is not None)
    one = "the one trial with a result breaks" if len(known) == 1 else f"all {len(known)} trials with a result break"
    return f"{one} a constraint ({bounds}); the closest is trial {closest.number} with {shown}"


def no_result(name: str, trials: Sequence[Measured], constraints: Sequence[Constraint], *, ended: bool) -> InvalidInput:
    """The refusal to judge a study without a ranked trial: all break a constraint, or none has a finite result (yet).

    Args:
        name: The study's.
        trials: Those of its search.
        constraints: All of its.
        ended: Whether it is over, so that waiting helps nothing.
    """
    sentence = none_keeps(trials, constraints)
    if sentence:
        return InvalidInput(sentence, where=name, hint=f"tunectl trials {name}")
    if ended:
        return InvalidInput("no trial has a finite result", where=name, hint=f"tunectl trials {name}")
    return InvalidInput("no trial has a result yet", where=name, hint=f"tunectl wait {name}")


def _value(trial: Measured, constraint: Constraint) -> float | None:
    value = trial.values.get(constraint.metric)
    return float(value) if isinstance(value, int | float) else None


def _excess(trial: Measured, constraints: Sequence[Constraint]) -> float:
    """How far beyond its bounds a trial is, each bound's own size taken for one; 0 when it keeps all that are known."""
    total = 0.0
    for constraint in constraints:
        value = _value(trial, constraint)
        if value is None or constraint.holds(value):
            continue
        bounds = [bound for bound in (constraint.at_most, constraint.at_least) if bound is not None]
        beyond = min(abs(value - bound) / (abs(bound) or 1.0) for bound in bounds)
        total += beyond if math.isfinite(beyond) else math.inf
    return total
