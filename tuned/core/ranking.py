"""Which trials of a study are ranked, and in which order: the one definition of "best".

Owns that order. A trial is ranked by its first objective when it has run to its own end, or until it had converged
(`patience`), and keeps every constraint. A trial that a rule or a person cut short has shown a part of its curve only:
it is ranked where nothing else is, and marked. The search's model does not ask here: for it a cut curve is evidence.

`storage.models` spells the same as the generated column `tier`; a property test holds the two together. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Protocol, TypeVar

from tuned.core.feasibility import broken
from tuned.core.states import VALUED, StoppedBy, TrialState
from tuned.core.study import SEARCH, Constraint, Direction, StudySpec, sign_of


class Tier(IntEnum):
    """How far a trial's result can be trusted: a lower tier comes first whatever the values are."""

    WHOLE = 0
    CUT = 1
    NONE = 2
    """No result to rank by: it has not ended, failed, diverged, breaks a constraint, or is no trial of the search."""


class Ended(Protocol):
    """The fields of a trial, or of a row about it, that say how it ended."""

    @property
    def state(self) -> str:
        """As `TrialState` spells it."""

    @property
    def stopped_by(self) -> str:
        """As `StoppedBy` spells it, or empty."""


class Ranked(Ended, Protocol):
    """The fields that ranking reads."""

    @property
    def number(self) -> int:
        """From 1."""

    @property
    def stage(self) -> str:
        """`search`, or a step of the playbook."""

    @property
    def values(self) -> Mapping[str, Any]:
        """Metric -> its summary."""


R = TypeVar("R", bound=Ranked)

WATCH = "watch"
"""The order for a person who watches: what runs, the newest first; then by value as ranked; then the rest."""

SORTS = (
    "number", "value", WATCH, "state", "priority", "step", "created", "started", "ended", "elapsed", "attempt",
    "origin", "device",
)  # fmt: skip
"""Keys by which a list of trials can be sorted, besides a parameter or a metric (`NAMED`)."""

BY_PARAMETER = "params."
BY_METRIC = "metrics."
NAMED = f"{BY_PARAMETER}NAME or {BY_METRIC}NAME"


WHOLE_ENDS = frozenset({(TrialState.COMPLETED, ""), (TrialState.PRUNED, StoppedBy.PATIENCE)})
"""State and `stopped_by` of the trials whose result is that of their own end: it completed, or had converged."""


def whole(trial: Ended) -> bool:
    """Whether its result is that of its own end: the only kind that models, repetitions and later studies count."""
    return (trial.state, trial.stopped_by) in WHOLE_ENDS


def cut_short(trial: Ended) -> bool:
    """Whether a rule or a person ended it before its own end, or a full disk cut what it reported."""
    return trial.state in VALUED and not whole(trial)


@dataclass(frozen=True, slots=True)
class Ranking:
    """The order of a study's trials.

    Attributes:
        metric: The first objective's; None in a study without one, where nothing is ranked.
        direction: The first objective's.
        constraints: All of them; a metric that was not reported breaks none.
    """

    metric: str | None
    direction: Direction = "minimize"
    constraints: tuple[Constraint, ...] = ()

    @classmethod
    def of(cls, spec: StudySpec) -> Ranking:
        """The order of the trials of a study with this specification."""
        objective = spec.objective
        return cls(None) if objective is None else cls(objective.metric, objective.direction, spec.constraints)

    def score(self, trial: Ranked) -> float:
        """Its first objective, smaller is better; infinite where it has no finite value."""
        value = math.nan if self.metric is None else float(trial.values.get(self.metric, math.nan))
        if not math.isfinite(value):
            return math.inf
        return sign_of(self.direction) * value

    def tier(self, trial: Ranked) -> Tier:
        """How far its result can be trusted."""
        if trial.stage != SEARCH or trial.state not in VALUED:
            return Tier.NONE
        if math.isinf(self.score(trial)) or broken(trial.values, self.constraints):
            return Tier.NONE
        return Tier.CUT if cut_short(trial) else Tier.WHOLE

    def key(self, trial: Ranked) -> tuple[int, float, int]:
        """Sorts trials best first, the older of equal ones first; those without a rank come last, by number."""
        tier = self.tier(trial)
        return (tier, math.inf if tier is Tier.NONE else self.score(trial), trial.number)

    def ranked(self, trials: Iterable[R]) -> list[R]:
        """The trials that have a rank, best first: all of one tier, the cut ones only where no other has a result."""
        keyed = sorted(((self.key(trial), trial) for trial in trials), key=lambda entry: entry[0])
        return [trial for key, trial in keyed if key[0] == keyed[0][0][0] != Tier.NONE]
