"""The analyses of a study, in the few words that the UI shows. Pure: it reads the daemon's plain data.

Owns the reading of answers; what they mean is the playbook's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

EFFECTS, ADVICE, IMPORTANCE = "effects", "advise", "importance"
KINDS = (EFFECTS, ADVICE, IMPORTANCE)
_PREFIX = "effects."


@dataclass(frozen=True, slots=True)
class Level:
    """A parameter's value, or a range of values: how many trials, their mean and the best of them."""

    value: str
    trials: int
    mean: float
    best: float


@dataclass(frozen=True, slots=True)
class Effect:
    """The effect of a parameter on the objective.

    Attributes:
        spread: Standard deviation of the means of its levels, weighted by trials, in units of the objective.
        notes: Reservations to read it with.
    """

    name: str
    levels: tuple[Level, ...]
    spread: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Advice:
    """A verdict: `level` is info, warn or fail; `evidence` and `remedy` are lines."""

    level: str
    code: str
    what: str
    evidence: tuple[str, ...]
    remedy: str
    command: str


@dataclass(frozen=True, slots=True)
class Share:
    """Of the objective's variation, the share that goes with a parameter, and its interval; 0 to 1."""

    share: float
    low: float
    high: float


def shares(answer: Mapping[str, Any]) -> dict[str, Share]:
    """Parameter -> its importance, by the playbook's model; empty where there is none."""
    found = {}
    for table in answer.get("tables", ()):
        if table.get("name") == IMPORTANCE:
            for row in table.get("rows", ()):
                low, high = row["interval"]
                found[str(row["parameter"])] = Share(_number(row["importance"]), _number(low), _number(high))
    return found


def is_weak(answer: Mapping[str, Any]) -> bool:
    """Whether the model behind the shares hardly predicts the trials."""
    return any(verdict.get("code") == "model.weak" for verdict in answer.get("verdicts", ()))


def effects(answer: Mapping[str, Any], by: Mapping[str, Share] | None = None) -> list[Effect]:
    """The parameters by their shares, else by how much the means of their levels differ, most first."""
    found = []
    for table in answer.get("tables", ()):
        name = str(table.get("name", ""))
        if name.startswith(_PREFIX):
            levels = tuple(level for row in table.get("rows", ()) if (level := _level(row)) is not None)
            found.append(Effect(name.removeprefix(_PREFIX), levels, _spread(levels), tuple(table.get("notes", ()))))
    known = by or {}
    return sorted(found, key=lambda e: (-known[e.name].share if e.name in known else 0.0, -e.spread, e.name))


def advice(answer: Mapping[str, Any]) -> list[Advice]:
    """The verdicts in the order given, which is the most pressing first."""
    return [
        Advice(
            str(verdict.get("level", "info")),
            str(verdict.get("code", "")),
            str(verdict.get("what", "")),
            _evidence(verdict.get("evidence")),
            str(verdict.get("remedy") or ""),
            str(verdict.get("command") or ""),
        )
        for verdict in answer.get("verdicts", ())
    ]


def _level(row: Mapping[str, Any]) -> Level | None:
    try:
        return Level(str(row["value"]), int(row["trials"]), _number(row["mean"]), _number(row["best"]))
    except (KeyError, TypeError, ValueError):
        return None


def _number(value: object) -> float:
    return math.nan if value is None else float(value)  # type: ignore[arg-type]


def _spread(levels: Sequence[Level]) -> float:
    known = [level for level in levels if math.isfinite(level.mean) and level.trials]
    count = sum(level.trials for level in known)
    if len(known) < 2 or not count:
        return 0.0
    middle = sum(level.mean * level.trials for level in known) / count
    spread = math.sqrt(sum(level.trials * (level.mean - middle) ** 2 for level in known) / count)
    # Means that are equal but for rounding differ by nothing.
    return spread if spread > 1e-9 * max(abs(level.mean) for level in known) else 0.0


def _evidence(found: object) -> tuple[str, ...]:
    if isinstance(found, Mapping):
        return tuple(f"{str(name).replace('_', ' ')} {_short(value)}" for name, value in found.items())
    if isinstance(found, Sequence) and not isinstance(found, str):
        return tuple(str(item) for item in found)
    return (str(found),) if found else ()


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
