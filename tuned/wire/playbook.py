"""The steps that lead from a search to a final model."""

from __future__ import annotations

from dataclasses import field

from tuned.core.records import dataclass
from tuned.wire.request import request
from tuned.wire.studies import StepRow
from tuned.wire.values import Json


@request
@dataclass(frozen=True, slots=True)
class StepRequest:
    """A step to take now, by hand.

    Attributes:
        step: `confirm`, `ensemble`, `finalize` or `report`.
        options: `top`, `seeds`, `against` of a confirmation; `top` of an ensemble; `again` of finalising.
    """

    step: str
    options: Json = field(default_factory=dict)


@request
@dataclass(frozen=True, slots=True)
class StepAction:
    """An action on a step: `pause`, `resume` or `skip`."""

    step: str
    action: str


@dataclass(frozen=True, slots=True)
class Steps:
    """A study's steps, those of its study file first; `changed` is the one that was asked for or steered."""

    study: str
    state: str
    steps: list[StepRow]
    changed: str = ""
