"""Points as people type them: `lr=3e-4 batch=64`, or `#41 lr*=2` for a trial's values with some changed.

`lr=.1,.2 batch=32,64` means the product of the lists. Owns the reading of that line; values are read as
`tunectl enqueue` reads them. Whether the point lies in the space is the daemon's to say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tuned.core.errors import InvalidInput
from tuned.core.space.text import read_value, read_values, terms
from tuned.wire import TrialRow

_TERM = re.compile(r"^([^\s=*+]+?)(\*=|\+=|=)(.+)$", re.DOTALL)


Parameters = Mapping[str, Mapping[str, Any]]
"""Name -> its entry in the specification, as far as it is known."""


def read_new(text: str, trials: Mapping[int, TrialRow], known: Parameters) -> tuple[dict[str, Any], int]:
    """A point and its priority: the terms of `read_point`, and `@5` for priority 5.

    Raises:
        InvalidInput: As `read_point`, or the priority is no whole number.
    """
    typed = terms(text)
    given = [term for term in typed if term.startswith("@")]
    point = read_point(" ".join(term for term in typed if not term.startswith("@")), trials, known)
    return point, read_priority(given[-1][1:], 0)[0] if given else 0


def named(text: str) -> set[int]:
    """The trials whose values a line takes.

    Raises:
        InvalidInput: It cannot be read.
    """
    return {int(term[1:]) for term in terms(text) if term.startswith("#") and term[1:].isdigit()}


def read_priority(text: str, present: int) -> tuple[int, bool]:
    """A priority as typed, and whether it is relative: `5`, `+2`, `-1`; `=-1` for minus one itself.

    Raises:
        InvalidInput: It is no whole number.
    """
    raw = text.strip()
    relative = raw[:1] in ("+", "-")
    try:
        value = int(raw.removeprefix("="))
    except ValueError:
        hint = f"type such as 5, +2, -1 or =-1; it is {present} now"
        raise InvalidInput(f"{raw!r} is no priority", where="priority", hint=hint) from None
    return value, relative


def read_point(text: str, trials: Mapping[int, TrialRow], known: Parameters) -> dict[str, Any]:
    """The values of a point, or lists of them; parameters left out are suggested by the search.

    Args:
        text: Terms apart by blanks: `name=value`, `name*=factor`, `name+=difference`, and `#N` first for the values
            of trial N.
        trials: Where `#N` is looked up.
        known: The study's parameters, whose values may hold a comma.

    Raises:
        InvalidInput: A term cannot be read, or changes a value that there is not.
    """
    point: dict[str, Any] = {}
    for term in terms(text):
        if term.startswith("#"):
            point.update(_base(term, trials))
            continue
        found = _TERM.match(term)
        if found is None:
            raise InvalidInput(f"{term!r} is no value", where="point", hint="type name=value, name*=2 or #7")
        name, operator, raw = found.groups()
        point[name] = (
            read_values(raw, known.get(name)) if operator == "=" else _changed(point, name, operator, read_value(raw))
        )
    return point


def _base(term: str, trials: Mapping[int, TrialRow]) -> dict[str, Any]:
    number = int(term[1:]) if term[1:].isdigit() else 0
    if number not in trials:
        raise InvalidInput(f"there is no trial {term}", where="point", hint="type the number of a trial in the table")
    return dict(trials[number].params)


def _changed(point: Mapping[str, Any], name: str, operator: str, value: Any) -> Any:
    old = point.get(name)
    numbers = all(isinstance(x, (int, float)) and not isinstance(x, bool) for x in (old, value))
    if not numbers:
        raise InvalidInput(f"{name} has no number to change", where="point", hint=f"type #7 first, or {name}=value")
    new = old * value if operator == "*=" else old + value
    return round(new) if isinstance(old, int) else new
