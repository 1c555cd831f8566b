"""Whatever a study looks like, every rule can look at it: none trips, and what is said can be told as JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tuned.analyses.advise import advise, judge
from tuned.analyses.parameters.effects import effects
from tuned.analyses.question import Question
from tuned.analyses.study_data import Curve, StudyData, TrialData
from tuned.core.errors import InvalidInput
from tuned.core.search.design import design_point
from tuned.core.study import Objective, RunSpec, SearchSpec, StudySpec
from tuned.core.study_file.space_file import parse_space

SPACES: list[dict[str, Any]] = [
    {},
    {"lr": {"type": "float", "low": 1e-6, "high": 1.0, "log": True}},
    {"n": {"type": "int", "low": 0, "high": 3}, "amp": {"type": "bool"}, "epochs": 3},
    {"batch": {"type": "choice", "values": [8, 16, 32], "ordered": True}, "kind": ["a", "b", "c"]},
    {
        "reg": {"type": "choice", "values": ["none", "drop"], "role": "scientific"},
        "p": {"type": "float", "low": 0.0, "high": 1.0, "when": {"reg": "drop"}},
    },
]
VALUES = st.one_of(
    st.floats(-1e6, 1e6), st.sampled_from([0.0, 1.0, -1.0, 1e300, float("nan"), float("inf"), float("-inf")])
)
STATES = [
    *[("completed", "")] * 12, ("pruned", ""), ("failed", "nan"), ("failed", "oom"),
    ("failed", "error"), ("running", ""), ("queued", ""), ("lost", "lost"), ("cancelled", ""),
]  # fmt: skip


@st.composite
def studies(draw: st.DrawFn) -> StudyData:
    space = parse_space(draw(st.sampled_from(SPACES)))
    direction = draw(st.sampled_from(["minimize", "maximize"]))
    metric = draw(st.sampled_from(["val_loss", "score", "val_accuracy"]))
    twin = draw(st.sampled_from([None, "train_x"]))
    trials = tuple(_trial(draw, i, space, metric) for i in range(draw(st.sampled_from([0, 1, 3, 9, 14, 25]))))
    spec = StudySpec(
        "odd", RunSpec("command", command=("x",)), SearchSpec(), space, (Objective(metric, direction, train=twin),)
    )
    return StudyData("odd", spec, trials)


def _trial(draw: st.DrawFn, i: int, space: Any, metric: str) -> TrialData:
    state, failure = draw(st.sampled_from(STATES))
    started = state != "queued"
    curves = {}
    for name in (metric, "train_x") if started else ():
        values = np.array(draw(st.lists(VALUES, max_size=draw(st.sampled_from([0, 1, 6, 45])))), dtype=float)
        times = np.full(len(values), np.nan) if draw(st.booleans()) else np.arange(len(values), dtype=float)
        curves[name] = Curve(np.arange(len(values), dtype=float), values, times, len(values))
    summary = {metric: draw(VALUES)} if started and draw(st.integers(0, 5)) else {}
    return TrialData(
        i + 1,
        design_point(space, 0, i),
        state,
        summary,
        failure,
        origin=draw(st.sampled_from(["sobol", "bayesian"])),
        last_step=float(i),
        started_at=0.0 if started else None,
        seconds=draw(st.sampled_from([None, 0.0, 5.0])),
        curves=curves,
    )


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(studies())
def test_no_rule_trips(study: StudyData) -> None:
    _, notes = judge(study)
    assert not [note for note in notes if "failed" in note]
    json.dumps(advise(Question(study, {"trials": "yes"})).to_dict(), allow_nan=False)
    try:
        answer = effects(Question(study))
    except InvalidInput:
        return  # nothing has a result, or nothing varies
    json.dumps(answer.to_dict(), allow_nan=False)
    for table in answer.tables:
        for style in ("md", "csv", "latex"):
            assert table.render(style)
