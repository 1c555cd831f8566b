"""The tables of a study file that lead from a search to a final model: `[finalize]`, `[test]`, `[playbook]`.

Owns these shapes. `tuned.core.study_file.playbook_file` reads and checks them, the daemon acts on them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

StepName = Literal["coarse", "bayesian", "refine", "confirm", "ensemble", "finalize", "report"]
LengthUnit = Literal["epochs", "steps"]
STEPS: tuple[StepName, ...] = get_args(StepName)
"""In the only order in which they make sense; any may be left out."""

SEARCH_STEPS: tuple[StepName, ...] = ("coarse", "bayesian", "refine")

BUNDLE_FILE = "bundle.json"
"""In the bundle of the final model: all that reproduces it."""
REPORT_FILE = "report.html"

FINALIZE_STAGE = "finalize"
TEST_STAGE = "test"
CONFIRM_STAGE = "confirm"


@dataclass(frozen=True, slots=True)
class Finalize:
    """How the final model is trained.

    Attributes:
        args: Added to the arguments in the stage `finalize`; placeholders unrendered.
        length: Name of the parameter that says how long a training is; empty: it is left as the search had it.
        unit: Whether that is counted in passes over the data (`epochs`) or in batches (`steps`).
        train_fraction: Share of all data that the search trained on.
        data: Absolute paths whose content belongs to the reproduction bundle's hash.
    """

    args: tuple[Any, ...] = ()
    length: str = ""
    unit: LengthUnit = "epochs"
    train_fraction: float = 1.0
    data: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FinalTest:
    """How the test set is looked at: the metric that tells, and the arguments that make the code report it."""

    metric: str
    args: tuple[Any, ...] = ()


def looks_like_test(metric: str) -> bool:
    """Whether a metric's name says that it is measured on a test set, such as `test_loss` or `eval/test`."""
    return "test" in re.split(r"[^a-z0-9]+", metric.lower())


@dataclass(frozen=True, slots=True)
class PlaybookSpec:
    """The steps that run by themselves, one after the other.

    Attributes:
        steps: In order.
        trials: Search step -> its number of trials.
        top: How many of the best are confirmed, and `seeds` with how many seeds each at first. Where it is close more
            follow, up to `max_seeds`; 0: four times as many.
        members: How many of the best an ensemble may be made of.
        pause_before: Steps that wait for a person.
    """

    steps: tuple[StepName, ...] = STEPS
    trials: dict[str, int] = field(default_factory=dict)
    top: int = 3
    seeds: int = 5
    members: int = 10
    pause_before: tuple[StepName, ...] = ()
    max_seeds: int = 0


def finalize_from(data: Mapping[str, Any] | None) -> Finalize | None:
    """The result of `asdict`."""
    if data is None:
        return None
    return Finalize(**{**data, "args": arguments_from(data["args"]), "data": tuple(data["data"])})


def test_from(data: Mapping[str, Any] | None) -> FinalTest | None:
    """The result of `asdict`."""
    return None if data is None else FinalTest(data["metric"], arguments_from(data["args"]))


def playbook_from(data: Mapping[str, Any] | None) -> PlaybookSpec | None:
    """The result of `asdict`."""
    if data is None:
        return None
    return PlaybookSpec(**{**data, "steps": tuple(data["steps"]), "pause_before": tuple(data["pause_before"])})


def arguments_from(items: Any) -> tuple[Any, ...]:
    """Arguments as JSON gives them back: groups are lists there."""
    return tuple(item if isinstance(item, str) else tuple(item) for item in items)
