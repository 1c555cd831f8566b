"""Results of earlier studies as evidence."""

from __future__ import annotations

import math
from dataclasses import replace

from tuned.advisor.history import weigh
from tuned.advisor.messages import ObjectiveLine, TrialLine
from tuned.advisor.prior import MOST, prior_of
from tuned.core.search.design import design_point
from tuned.core.search.phases import due
from tuned.core.states import TrialState
from tuned.core.study import SearchSpec
from tuned.core.study_file.space_file import parse_space

SPACE = parse_space({"x": {"type": "float", "low": 0.0, "high": 1.0}, "act": ["relu", "tanh", "gelu"]})
MINIMIZE = (ObjectiveLine("loss", "minimize"),)


def rows(n: int, start: int = 0, above: float = 0.0) -> list[TrialLine]:
    points = [design_point(SPACE, 0, start + i) for i in range(n)]
    return [
        TrialLine(i + 1, p, TrialState.COMPLETED, {"loss": float(p["x"]) + above + (p["act"] == "gelu")})
        for i, p in enumerate(points)
    ]


def test_another_level_is_taken_off() -> None:
    data = weigh(SPACE, MINIMIZE, rows(10, start=60, above=100.0)).data
    found = prior_of(SPACE, MINIMIZE, rows(40), data)
    lifted = [s.values[0] - row.values["loss"] for s, row in zip(found, rows(40), strict=True)]
    assert max(lifted) - min(lifted) < 1e-9 and abs(lifted[0] - 100) < 0.1
    assert prior_of(SPACE, MINIMIZE, rows(40), data[:2])[0].values[0] == rows(1)[0].values["loss"]


def test_what_does_not_fit_is_left_out_and_the_best_are_kept() -> None:
    odd = TrialLine(9, {"x": 2.0, "act": "relu"}, TrialState.COMPLETED, {"loss": 0.0})
    silent = TrialLine(8, design_point(SPACE, 0, 0), TrialState.COMPLETED, {})
    assert prior_of(SPACE, MINIMIZE, [odd, silent], ()) == ()
    found = prior_of(SPACE, MINIMIZE, rows(3 * MOST), ())
    values = sorted(row.values["loss"] for row in rows(3 * MOST))
    assert len(found) == MOST and {s.values[0] for s in found} >= set(values[: MOST // 2])


def test_what_an_earlier_study_did_not_measure_leaves_the_rest_of_it_of_use() -> None:
    goals = (*MINIMIZE, ObjectiveLine("latency", "minimize", 20.0))
    ours = [replace(row, values={"loss": row.values["loss"] + 5.0, "latency": 10.0}) for row in rows(6, start=60)]
    some = [replace(row, values={**row.values, "latency": 8.0}) if row.number % 2 else row for row in rows(40)]
    found = prior_of(SPACE, goals, some, weigh(SPACE, goals, ours).data)
    assert len(found) == 40
    assert all(abs(s.values[0] - row.values["loss"] - 5.0) < 0.5 for s, row in zip(found, some, strict=True))
    assert [math.isnan(s.values[1]) for s in found] == [row.number % 2 == 0 for row in some]
    none = prior_of(SPACE, goals, rows(40), weigh(SPACE, goals, ours).data)
    assert len(none) == 40 and all(math.isnan(s.values[1]) for s in none)


def test_the_design_is_short_where_results_are_given() -> None:
    search = SearchSpec("bayesian", 30, sources=("earlier",))
    assert due(SPACE, search, 1, 1).way == "sobol"
    later = due(SPACE, search, 1, 2)
    assert later.way == "bayesian" and "earlier" in later.why
