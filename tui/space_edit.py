"""Edits of a search space as people type them: `lr.high=1 width=64 -dropout +wd={type="float",low=0,high=0.1}`.

Owns the reading of that line. Whether the edit makes sense is the daemon's to say.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from typing import Any

from tuned.core.errors import InvalidInput
from tuned.core.names import nearest
from tuned.core.space.text import terms
from tuned.wire import SpaceChange

SYNTAX = (
    "lr.high=1           change low, high, log, values, ordered or role",
    "width=64            one value from now on",
    "-dropout=0          drop it; the value is what the code uses without it",
    '+wd={type="float",low=0,high=0.1,was=0}   add one; was: what earlier trials ran with',
    "refine              narrow to the good trials, widen where the best sit on a bound",
)


def read_edit(text: str, parameters: Collection[str], *, dry_run: bool) -> SpaceChange:
    """The change that a line means.

    Raises:
        InvalidInput: A term cannot be read, or names no parameter; nothing was typed.
    """
    sets, add, fix, drop, refine = {}, {}, {}, {}, False
    for term in terms(text):
        name, equals, raw = term.lstrip("+-").partition("=")
        if term == "refine":
            refine = True
        elif term.startswith("+"):
            add[name] = _value(name, raw)
        elif term.startswith("-"):
            drop[_known(name, parameters)] = _value(name, raw) if equals else None
        elif not equals or not raw:
            raise InvalidInput(f"{term!r} is no edit", where="space", hint="type such as lr.high=1 or -dropout")
        elif name in parameters:
            fix[name] = _value(name, raw)
        else:
            owner, dot, _key = name.rpartition(".")
            _known(owner if dot else name, parameters)
            sets[name] = _value(name, raw)
    if not (sets or add or fix or drop or refine):
        raise InvalidInput("nothing was typed", where="space", hint="type such as lr.high=1")
    return SpaceChange(sets, add, fix, drop, refine, dry_run)


def _known(name: str, parameters: Collection[str]) -> str:
    if name not in parameters:
        raise InvalidInput("there is no such parameter", where=f"space.{name}", hint=nearest(name, parameters))
    return name


def _value(name: str, raw: str) -> Any:
    try:
        return tomllib.loads(f"x = {raw}")["x"]
    except tomllib.TOMLDecodeError:
        pass
    if raw[:1] in ("{", "[", '"'):
        raise InvalidInput(f"{raw} is no TOML value", where=f"space.{name}", hint='{type="float", low=0.0, high=1.0}')
    if "," in raw:
        return [_value(name, part.strip()) for part in raw.split(",")]
    try:
        return float(raw)
    except ValueError:
        return raw
