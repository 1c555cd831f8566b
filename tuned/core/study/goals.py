"""A study's metrics: measured, improved, and kept within bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Direction = Literal["minimize", "maximize"]


def sign_of(direction: Direction) -> float:
    """Factor that makes smaller values better."""
    return 1.0 if direction == "minimize" else -1.0


@dataclass(frozen=True, slots=True)
class MetricFile:
    """A file, or for `tensorboard` a folder, that a trial writes metrics into; placeholders unrendered."""

    kind: Literal["jsonl", "csv", "tensorboard"]
    path: str


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression over a trial's output; its named groups are metrics, `step` is the step."""

    regex: str
    stream: Literal["stdout", "stderr", "both"] = "both"


@dataclass(frozen=True, slots=True)
class Objective:
    """The metric that the search improves.

    Attributes:
        metric: Name of the metric as it is reported.
        summary: How a trial's observations become one number: its best, its last, or the mean of the last `last_n`.
        train: The metric's training twin, for curves and diagnosis; None when there is none.
    """

    metric: str
    direction: Direction
    summary: Literal["best", "last", "mean_last"] = "best"
    last_n: int = 1
    train: str | None = None

    @property
    def sign(self) -> float:
        """Factor that makes smaller values better."""
        return sign_of(self.direction)

    def better(self, a: float, b: float) -> bool:
        """Whether `a` is strictly better than `b`."""
        return self.sign * a < self.sign * b


@dataclass(frozen=True, slots=True)
class Constraint:
    """A bound on a metric's last value: a trial that breaks it is never the best, and its like are avoided."""

    metric: str
    at_most: float | None = None
    at_least: float | None = None

    def holds(self, value: float) -> bool:
        """Whether a value keeps it; one that is not a number does not."""
        if self.at_most is not None and not value <= self.at_most:
            return False
        return self.at_least is None or value >= self.at_least
