"""A study that ran elsewhere, as the daemon takes it in: its space from what was tried, its trials in bounded pieces.

Owns that form for every source; reading the sources is `optuna_files` and `csv_table`. No I/O.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tuned.client.api import Call
from tuned.core.errors import InvalidInput
from tuned.protocol import encode_number
from tuned.wire import Import, Imported, ImportedTrial

PIECE = 500
"""Trials in one request."""
DECADES = 100.0
"""A positive parameter whose values span that factor was searched by its logarithm."""


@dataclass(frozen=True)
class Found:
    """A study as a source has it.

    Attributes:
        name: Of the study there.
        source: Where it was, in words.
        objectives: (metric, direction), the first one decides.
        space: Parameter -> its entry as a study file has it.
        trials: In their order.
        left_out: Trials that have no end, and so say nothing.
    """

    name: str
    source: str
    objectives: Sequence[tuple[str, str]]
    space: Mapping[str, Mapping[str, Any]]
    trials: Sequence[ImportedTrial]
    left_out: int = 0
    question: str = ""


def space_of(points: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The space in which these points lie, where nobody knows the one that was searched."""
    names = list(dict.fromkeys(name for point in points for name in point))
    return {name: _entry([point[name] for point in points if name in point]) for name in names}


def _entry(values: Sequence[Any]) -> dict[str, Any]:
    different = list(dict.fromkeys(values))
    if len(different) == 1:
        return {"type": "fixed", "value": different[0]}
    if all(isinstance(value, bool) for value in values):
        return {"type": "bool"}
    if any(isinstance(value, bool | str) for value in values):
        return {"type": "choice", "values": different}
    whole = all(isinstance(value, int) for value in values)
    low, high = min(values), max(values)
    return {"type": "int" if whole else "float", "low": low, "high": high, "log": low > 0 and high / low >= DECADES}


def conditions(
    space: Mapping[str, Mapping[str, Any]], points: Sequence[Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """The space, with a `when` for each parameter that some points lack, where a choice that all have tells which.

    Args:
        space: Parameter -> its entry.
        points: Of all trials.
    """
    found = {name: dict(entry) for name, entry in space.items()}
    parents = [n for n, e in space.items() if e["type"] in ("choice", "bool") and all(n in point for point in points)]
    for name, entry in found.items():
        if all(name in point for point in points):
            continue
        for parent in parents:
            having = list(dict.fromkeys(point[parent] for point in points if name in point))
            if not any(point[parent] in having for point in points if name not in point):
                entry["when"] = {parent: having[0] if len(having) == 1 else having}
                break
    return {name: found[name] for name in sorted(found, key=lambda name: "when" in found[name])}


def calls(found: Found, name: str) -> Iterator[Call[Imported]]:
    """The requests that bring a study in, to be sent one after another.

    Raises:
        InvalidInput: No trial has ended.
    """
    if not found.trials:
        raise InvalidInput("no trial in it has ended", where=found.source)
    study: dict[str, Any] = {
        "name": name,
        "question": found.question,
        "objective": [{"metric": metric, "direction": direction} for metric, direction in found.objectives],
        "space": conditions(found.space, [trial.params for trial in found.trials]),
        "search": {"trials": len(found.trials), "method": "random"},
    }
    for begin in range(0, len(found.trials), PIECE):
        piece = list(found.trials[begin : begin + PIECE])
        last = begin + PIECE >= len(found.trials)
        body = Import(study, found.source, piece, first=begin == 0, last=last)
        yield Call("POST", "/imports", "Imported", body=body, timeout=120.0)


def ended(
    params: Mapping[str, Any],
    state: str,
    values: Mapping[str, float],
    curve: Sequence[tuple[float, float]] = (),
    times: tuple[float | None, float | None] = (None, None),
) -> ImportedTrial:
    """A trial in the wire's form; one that completed without a number has failed."""
    usable = bool(values) and not any(math.isnan(value) for value in values.values())
    if state == "completed" and not usable:
        state = "failed"
    kept = {name: encode_number(value) for name, value in values.items()}
    reason = "it gave no result" if state == "failed" else ""
    return ImportedTrial(dict(params), state, kept, reason, [[s, encode_number(v)] for s, v in curve], *times)
