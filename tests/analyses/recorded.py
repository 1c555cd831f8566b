"""Recorded studies as the analyses get them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tuned.analyses.study_data import Curve, StudyData, TrialData
from tuned.core.study import Objective, RunSpec, SearchSpec, StudySpec
from tuned.core.study_file.space_file import parse_space

FOLDER = Path(__file__).parent / "recorded"


@cache
def recorded(name: str) -> StudyData:
    """The study that `record_studies` trained under this name."""
    data = json.loads((FOLDER / f"{name}.json").read_text())
    metric, direction, twin = data["objective"]
    spec = StudySpec(
        name,
        RunSpec("command", command=("train",)),
        SearchSpec("sobol", trials=len(data["trials"])),
        parse_space(data["space"]),
        (Objective(metric, direction, train=twin),),
    )
    return StudyData(name, spec, tuple(_trial(row, metric) for row in data["trials"]))


def _trial(row: dict[str, Any], metric: str) -> TrialData:
    steps, times = np.array(row["steps"], dtype=float), np.array(row["times"], dtype=float)
    curves = {
        name: Curve(steps, np.array([np.nan if v is None else v for v in values], dtype=float), times, len(values))
        for name, values in row["curves"].items()
    }
    return TrialData(
        row["number"],
        row["params"],
        "failed" if row["failure"] else "completed",
        {metric: np.nan if row["value"] is None else row["value"]},
        row["failure"],
        origin="sobol",
        last_step=float(steps[-1]),
        started_at=0.0,
        ended_at=row["seconds"],
        seconds=row["seconds"],
        curves=curves,
    )
