"""The baseline: the point of a study that every comparison starts from. Owns that definition. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol, TypeVar

from tuned.core.space import Value, same_value
from tuned.core.study.specification import StudySpec
from tuned.core.study.standing import SEARCH


class Tried(Protocol):
    """The part of a trial that says whether it ran a point."""

    @property
    def number(self) -> int:
        """From 1."""

    @property
    def stage(self) -> str:
        """`search`, or a step of the playbook."""

    @property
    def origin(self) -> str:
        """`user` for points of a person's own."""

    @property
    def params(self) -> Mapping[str, Value]:
        """Value of every active parameter."""


T = TypeVar("T", bound=Tried)

REMEDY = 'add [[search.point]] with label = "baseline" and the settings you would use without tuning'


def baseline_point(spec: StudySpec) -> Mapping[str, Value] | None:
    """The settings that the study file calls `baseline`, else its first own point; None without own points."""
    points = sorted(spec.search.points, key=lambda point: "baseline" not in point[0].lower())
    return points[0][1] if points else None


def baseline_trial(spec: StudySpec, trials: Iterable[T]) -> T | None:
    """The trial that ran the baseline, whatever became of it; the person's own one before any other at those settings.

    No other trial stands in for it: the first point of a design is nobody's baseline.
    """
    point = baseline_point(spec)
    if point is None:
        return None
    found = (
        trial
        for trial in trials
        if trial.stage == SEARCH
        and all(name in trial.params and same_value(trial.params[name], value) for name, value in point.items())
    )
    return min(found, key=lambda trial: (trial.origin != "user", trial.number), default=None)
