"""The filter language: `state:run lr<1e-3 act=relu text`.

Owns reading it and deciding whether a trial passes; the same terms become SQL in `storage.queries.trial_filter`. A term
is

* `state:run` or `state:run,wait`: one of the states, by any prefix of its name or of the word in tables;
* `name<1e-3`, `<=`, `>`, `>=`, `=`, `!=`: a parameter, a metric of an objective or constraint, `value` (of the first
  objective), or `step`, `pri`, `trial`, `try`, `origin`, `failure`, `stage`, `device`;
* anything else: text that occurs in a parameter's word, the origin, the reason, the failure, or `#number`.

All terms must hold; a leading `!` turns one round. Letters are compared without case, ASCII ones only, as SQLite does.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from tuned.core.errors import InvalidInput
from tuned.core.names import nearest
from tuned.core.state_words import named_states
from tuned.core.states import TrialState

FIELDS = ("step", "priority", "number", "attempt", "origin", "failure", "stage", "device")
NUMERIC_FIELDS = frozenset({"step", "priority", "number", "attempt"})
ALIASES = {"pri": "priority", "trial": "number", "try": "attempt"}
TEXTS = ("origin", "reason", "failure", "why", "stage")
"""Fields that a bare word is looked for in."""

_COMPARISON = re.compile(r"^([A-Za-z_][\w.\-/]*)(<=|>=|!=|<|>|=)(.*)$")
_LONE = re.compile(r"[<>=!]+")
_DIGITS = re.compile(r"^[+-]?(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$")
_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
_SAME = 5e-3
"""Numbers that differ by less than this share are equal: tables show three digits."""


class Filtered(Protocol):
    """The fields that a filter reads of a trial: those of `tuned.wire.TrialRow`."""

    @property
    def number(self) -> int: ...  # noqa: D102
    @property
    def state(self) -> str: ...  # noqa: D102
    @property
    def params(self) -> Mapping[str, Any]: ...  # noqa: D102
    @property
    def values(self) -> Mapping[str, Any]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a study's trials besides the fixed fields.

    Attributes:
        parameters: Names of its parameters.
        metrics: Metrics that have a value in the list of trials; the first one is `value`.
    """

    parameters: Collection[str] = ()
    metrics: tuple[str, ...] = ()

    def source(self, name: str) -> tuple[str, str]:
        """Where a name is read: (`param`, `metric` or `field`, its full name); parameters come first.

        Raises:
            InvalidInput: Nothing has this name.
        """
        if name in self.parameters:
            return "param", name
        if name in self.metrics:
            return "metric", name
        if name == "value" and self.metrics:
            return "metric", self.metrics[0]
        if (full := ALIASES.get(name, name)) in FIELDS:
            return "field", full
        known = [*self.parameters, *self.metrics, "value", *FIELDS]
        raise InvalidInput(f"trials have no {name!r}", where="filter", hint=nearest(name, known))


NO_COLUMNS = Columns()


@dataclass(frozen=True, slots=True)
class InStates:
    """The trial's state is one of these."""

    states: frozenset[str]


@dataclass(frozen=True, slots=True)
class Compare:
    """A comparison, `<` `<=` `>` `>=` or `=`; `!=` is a negated `=`.

    Attributes:
        number: The number to compare with, where there is one; `text` is it as typed, without case.
        within: Numbers from and to which `=` holds.
    """

    name: str
    operator: str
    text: str
    number: float | None
    within: tuple[float, float]
    negated: bool


@dataclass(frozen=True, slots=True)
class Contains:
    """A text occurs; `needle` is without case."""

    needle: str
    negated: bool


Term = InStates | Compare | Contains


@dataclass(frozen=True, slots=True)
class TrialFilter:
    """A filter that has been read; `text` is what was typed."""

    text: str = ""
    terms: tuple[Term, ...] = ()

    @property
    def states(self) -> frozenset[str] | None:
        """The states that all state terms let pass; None when there is no such term."""
        found: frozenset[str] | None = None
        for term in self.terms:
            if isinstance(term, InStates):
                found = term.states if found is None else found & term.states
        return found

    @property
    def plain(self) -> bool:
        """Whether `states` says all of it."""
        return all(isinstance(term, InStates) for term in self.terms)

    def check(self, columns: Columns) -> None:
        """Refuse names that these trials do not have.

        Raises:
            InvalidInput: Such a name is compared.
        """
        for term in self.terms:
            if isinstance(term, Compare):
                columns.source(term.name)

    def matches(self, row: Filtered, columns: Columns) -> bool:
        """Whether the trial passes every term; the names have been checked."""
        return all(_passes(term, row, columns) for term in self.terms)


NO_FILTER = TrialFilter()


def parse(text: str) -> TrialFilter:
    """Read a filter.

    Raises:
        InvalidInput: An unknown state, or a comparison with nothing behind or before it.
    """
    return TrialFilter(text.strip(), tuple(_term(word) for word in text.split()))


def _term(word: str) -> Term:
    negated, rest = word.startswith("!") and len(word) > 1, word.removeprefix("!") or word
    if rest.startswith("state:"):
        states = named_states(rest.removeprefix("state:"))
        return InStates(frozenset(s.value for s in TrialState) - states if negated else states)
    found = _COMPARISON.match(rest)
    if _LONE.fullmatch(rest):
        raise InvalidInput(f"{rest} stands alone", where="filter", hint="write a comparison without spaces, as lr<0.01")
    if found is None:
        return Contains(fold(rest), negated)
    name, operator, text = found.groups()
    if not text:
        raise InvalidInput(f"nothing follows {name}{operator}", where="filter", hint=f"type a value: {name}{operator}1")
    try:
        number: float | None = float(text)
    except ValueError:
        number = None
    if number is not None and math.isnan(number):
        number = None
    if operator == "!=":
        operator, negated = "=", not negated
    if number is None and operator != "=":
        raise InvalidInput(f"{text!r} is not a number", where=f"filter {name}", hint="words compare with = and !=")
    within = (0.0, 0.0) if number is None else _within(number, text)
    return Compare(name, operator, fold(text), number, within, negated)


def _within(number: float, text: str) -> tuple[float, float]:
    """The range that a typed number equals: the same digits as far as typed, and no more than half a per cent away."""
    found = _DIGITS.match(text)
    if found is None or not math.isfinite(number):
        return number, number
    unit = 10.0 ** (int(found[3] or 0) - len(found[2]))
    room = min(_SAME * abs(number), unit / 2 * (1 - 1e-9))
    return number - room, number + room


def fold(text: str) -> str:
    """The text with small ASCII letters, as SQLite's `lower` makes it."""
    return text.translate(_LOWER)


def param_key(value: object) -> tuple[float, str]:
    """How a parameter's value is ordered and compared: (number, text); words come behind all numbers, by text."""
    if isinstance(value, bool):
        return float(value), "true" if value else "false"
    if isinstance(value, int | float):
        return float(value), ""
    return math.inf, value if isinstance(value, str) else json.dumps(value)


def _passes(term: Term, row: Filtered, columns: Columns) -> bool:
    if isinstance(term, InStates):
        return row.state in term.states
    if isinstance(term, Contains):
        return _contains(term, row) != term.negated
    kind, name = columns.source(term.name)
    if kind == "param":
        value = row.params.get(name)
        return (value is not None and _param_passes(term, *param_key(value))) != term.negated
    if kind == "metric":
        number = metric_value(row.values, name)
        return (number is not None and _number_passes(term, number)) != term.negated
    field = getattr(row, "last_step" if name == "step" else name)
    if name in NUMERIC_FIELDS:
        return (field is not None and _number_passes(term, float(field))) != term.negated
    return (term.operator == "=" and fold(field or "") == term.text) != term.negated


def _contains(term: Contains, row: Filtered) -> bool:
    texts = [getattr(row, name) or "" for name in TEXTS]
    texts += [value for value in row.params.values() if isinstance(value, str)]
    return any(term.needle in fold(text) for text in (*texts, f"#{row.number}"))


def _param_passes(term: Compare, number: float, text: str) -> bool:
    if term.operator == "=" and text and fold(text) == term.text:
        return True
    return number < math.inf and _number_passes(term, number)


def _number_passes(term: Compare, actual: float) -> bool:
    wanted = term.number
    if wanted is None:
        return False
    match term.operator:
        case "<":
            return actual < wanted
        case "<=":
            return actual <= wanted
        case ">":
            return actual > wanted
        case ">=":
            return actual >= wanted
    return term.within[0] <= actual <= term.within[1]


def metric_value(values: Mapping[str, Any], name: str) -> float | None:
    """A metric of a trial as a number; None when it has none, or NaN."""
    try:
        value = float(values[name])
    except (KeyError, TypeError, ValueError):
        return None
    return None if math.isnan(value) else value
