"""Studies made of formulas, for what needs no training to be right or wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tuned.analyses.study_data import Curve, StudyData, TrialData
from tuned.core.search.design import design_point
from tuned.core.space import Point
from tuned.core.study import Objective, RunSpec, SearchSpec, StudySpec
from tuned.core.study_file.space_file import parse_space


def curve(values: Sequence[float], first: int = 1) -> Curve:
    """A curve with a report a second."""
    steps = np.arange(first, first + len(values), dtype=float)
    return Curve(steps, np.asarray(values, dtype=float), steps.copy(), len(values))


def trial(number: int, values: Sequence[float], params: Point | None = None, **more: Any) -> TrialData:
    """A completed trial whose loss went like this; `train` among `more` is its training twin's values."""
    curves = {"val_loss": curve(values)}
    if "train" in more:
        curves["train_loss"] = curve(more.pop("train"))
    finite = [v for v in values if np.isfinite(v)]
    state = {"state": "completed", "values": {"val_loss": min(finite, default=np.nan)}}
    times = {"started_at": 0.0, "ended_at": float(len(values)), "seconds": float(len(values))}
    return TrialData(
        number, params or {}, **{**state, **times, "last_step": float(len(values)), "curves": curves, **more}
    )


def study(trials: Sequence[TrialData], space: Mapping[str, Any] | None = None, metric: str = "val_loss") -> StudyData:
    """A study that minimises a loss."""
    spec = StudySpec(
        "made",
        RunSpec("command", command=("train",)),
        SearchSpec("sobol", trials=len(trials)),
        parse_space(space or {"x": {"type": "float", "low": 0.0, "high": 1.0}}),
        (Objective(metric, "minimize", train="train_loss"),),
    )
    return StudyData("made", spec, tuple(trials))


def searched(space: Mapping[str, Any], loss: Callable[[Point], float], count: int, **more: Any) -> StudyData:
    """A study over a design, each trial with one report of its loss."""
    parsed = parse_space(space)
    points = [design_point(parsed, 0, i) for i in range(count)]
    return study([trial(i + 1, [loss(p)], p, **more) for i, p in enumerate(points)], space)
