"""Trials in groups: by the values of a parameter, or by bins of its range.

Owns which trials stand together and what such a group is called.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tuned.analyses.study_data import TrialData, positions
from tuned.analyses.table import number
from tuned.core.space import Parameter, Value, same_value

BINS = 4
"""Of a range, each with as many trials as possible alike: what a dozen trials can carry, and a paper's table shows."""
LEAST_PER_BIN = 3
FEW_VALUES = 8
"""A whole-number range with at most so many values tried is shown value by value."""
INACTIVE = "(inactive)"


@dataclass(frozen=True, slots=True)
class Group:
    """Trials that share a value or a bin.

    Attributes:
        label: The value as one would write it, or `1e-4 .. 1e-3`.
        middle: A value that stands for the group: the value itself, or the bin's middle on its own scale.
    """

    label: str
    trials: tuple[TrialData, ...]
    middle: Value | None = None


def group(parameter: Parameter, trials: Sequence[TrialData], bins: int = BINS) -> tuple[Group, ...]:
    """The trials by value of a parameter, in its order; empty groups are left out.

    A range gets at most `bins` bins with about equally many trials. Trials in which a conditional parameter is inactive
    come last, in a group of their own.
    """
    active = [t for t in trials if parameter.name in t.params]
    idle = tuple(t for t in trials if parameter.name not in t.params)
    groups = _by_bin(parameter, active, bins) if _is_binned(parameter, active) else _by_value(parameter, active)
    return (*groups, Group(INACTIVE, idle)) if idle else groups


def _is_binned(parameter: Parameter, trials: Sequence[TrialData]) -> bool:
    if parameter.kind not in ("float", "int"):
        return False
    return len({t.params[parameter.name] for t in trials}) > FEW_VALUES or (
        parameter.kind == "float" and len({t.params[parameter.name] for t in trials}) > BINS
    )


def _by_value(parameter: Parameter, trials: Sequence[TrialData]) -> tuple[Group, ...]:
    if parameter.kind in ("float", "int"):
        values: Sequence[Value] = sorted({t.params[parameter.name] for t in trials}, key=float)
    else:
        values = parameter.values
    found = []
    for value in values:
        members = tuple(t for t in trials if same_value(t.params[parameter.name], value))
        if members:
            found.append(Group(text_of(value), members, value))
    return tuple(found)


def _by_bin(parameter: Parameter, trials: Sequence[TrialData], bins: int) -> tuple[Group, ...]:
    values = np.array([float(t.params[parameter.name]) for t in trials])
    places = positions(parameter, [t.params[parameter.name] for t in trials])
    count = max(1, min(bins, len(trials) // LEAST_PER_BIN))
    edges = np.unique(np.quantile(places, np.linspace(0, 1, count + 1)))
    index = np.clip(np.searchsorted(edges, places, side="right") - 1, 0, max(0, len(edges) - 2))
    found = []
    for i in range(max(1, len(edges) - 1)):
        members = [int(j) for j in np.flatnonzero(index == i)]
        if members:
            inside = values[members]
            low, high = inside.min(), inside.max()
            middle = float(np.sqrt(low * high)) if parameter.log else float((low + high) / 2)
            label = number(float(low)) if low == high else f"{low:.3g} .. {high:.3g}"
            found.append(Group(label, tuple(trials[j] for j in members), middle))
    return tuple(found)


def text_of(value: Value) -> str:
    """A value as one would write it in a study file."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return number(value)


def known(value: Value | None) -> str | None:
    """The same of a value that may be missing."""
    return None if value is None else text_of(value)
