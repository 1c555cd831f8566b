"""The filter language: `state:run lr<1e-3 act=relu text`.

Owns reading it and deciding whether a trial matches. A term is one of

* `state:run` or `state:run,wait`: one of the states, by any prefix of its name or of the word in the table;
* `name<1e-3`, `<=`, `>`, `>=`, `=`, `!=`: a parameter, a metric, or `value`, `step`, `pri`, `trial`, `try`, `origin`;
* anything else: text that occurs in the parameters, the origin, the reason or the failure.

All terms must hold; a leading `!` turns one round.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from tui import format as fmt
from tui.glyphs import TRIAL_WORDS
from tuned.core.errors import InvalidInput
from tuned.core.states import TrialState
from tuned.wire import TrialRow

_COMPARISON = re.compile(r"^([A-Za-z_][\w.\-/]*)(<=|>=|!=|<|>|=)(.*)$")
Matcher = Callable[[TrialRow], bool]


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter that has been read; `text` is what was typed.

    Attributes:
        states: The states it lets pass when it names any, for the daemon's own filter; None when it names none.
        plain: Whether `states` says all of it, so that the daemon alone can apply it.
    """

    text: str = ""
    matchers: tuple[Matcher, ...] = ()
    states: tuple[str, ...] | None = None
    plain: bool = True

    def matches(self, row: TrialRow) -> bool:
        """Whether the trial passes every term."""
        return all(matcher(row) for matcher in self.matchers)


NO_FILTER = Filter()


def parse(text: str, metric: str | None = None) -> Filter:
    """Read a filter.

    Args:
        text: What was typed.
        metric: The objective's metric, for `value`.

    Raises:
        InvalidInput: An unknown state, or a comparison with nothing behind it.
    """
    matchers: list[Matcher] = []
    states: set[str] | None = None
    plain = True
    for word in text.split():
        negated, term = word.startswith("!") and len(word) > 1, word.removeprefix("!") or word
        if term.startswith("state:"):
            named = _states(term.removeprefix("state:"))
            named = set(TrialState) - named if negated else named
            states = {str(s) for s in named} & (states if states is not None else {str(s) for s in named})
            matchers.append(_state_matcher(frozenset(str(s) for s in named)))
            continue
        plain = False
        found = _COMPARISON.match(term)
        matcher = _comparison(*found.groups(), metric=metric) if found else _text_matcher(term)
        matchers.append(_negate(matcher) if negated else matcher)
    return Filter(text.strip(), tuple(matchers), tuple(sorted(states)) if states is not None else None, plain)


def _states(text: str) -> set[TrialState]:
    found: set[TrialState] = set()
    for part in text.lower().split(","):
        named = {s for s in TrialState if part and (s.startswith(part) or TRIAL_WORDS[s].lower().startswith(part))}
        if not named:
            raise InvalidInput(
                f"there is no state {part!r}", where="filter", hint="states are " + ", ".join(TrialState)
            )
        found |= named
    return found


def _state_matcher(states: frozenset[str]) -> Matcher:
    return lambda row: row.state in states


def _negate(matcher: Matcher) -> Matcher:
    return lambda row: not matcher(row)


def _text_matcher(term: str) -> Matcher:
    needle = term.lower()

    def matches(row: TrialRow) -> bool:
        texts = [row.origin, row.reason, row.failure or "", row.why, f"#{row.number}", row.stage]
        texts += [f"{name}={fmt.param(value)}" for name, value in row.params.items()]
        return any(needle in text.lower() for text in texts)

    return matches


def _comparison(name: str, operator: str, text: str, *, metric: str | None) -> Matcher:
    if not text:
        raise InvalidInput(f"nothing follows {name}{operator}", where="filter", hint=f"type a value: {name}{operator}1")
    try:
        wanted: float | None = float(text)
    except ValueError:
        wanted = None
    if wanted is None and operator not in ("=", "!="):
        raise InvalidInput(f"{text!r} is not a number", where=f"filter {name}", hint="words compare with = and !=")

    def matches(row: TrialRow) -> bool:
        actual = read(row, name, metric)
        if actual is None:
            return operator == "!="
        if wanted is not None:
            try:
                return _compare(float(actual), operator, wanted)  # type: ignore[arg-type]
            except (TypeError, ValueError):
                return operator == "!="
        same = fmt.param(actual).lower() == text.lower()
        return same if operator == "=" else not same

    return matches


def _compare(a: float, operator: str, b: float) -> bool:
    if operator == "=":
        return a == b or math.isclose(a, b, rel_tol=5e-3)
    if operator == "!=":
        return not math.isclose(a, b, rel_tol=5e-3)
    return {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[operator]


def read(row: TrialRow, name: str, metric: str | None) -> object:
    """The trial's value under a column's or parameter's name; None when it has none."""
    if name in row.params:
        return row.params[name]
    if name in row.values:
        return row.values[name]
    known: dict[str, object] = {
        "value": fmt.value_of(row.values, metric),
        "step": row.last_step,
        "pri": row.priority,
        "priority": row.priority,
        "trial": row.number,
        "number": row.number,
        "try": row.attempt,
        "attempt": row.attempt,
        "origin": row.origin,
        "failure": row.failure,
        "stage": row.stage,
        "device": row.device,
    }
    return known.get(name)
