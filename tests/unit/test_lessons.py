"""What failures teach the search."""

from __future__ import annotations

import math

from tuned.advisor.history import weigh
from tuned.advisor.lessons import Measured, lessons_of
from tuned.advisor.messages import ObjectiveLine, TrialLine
from tuned.core.search.design import design_point
from tuned.core.states import Failure, TrialState
from tuned.core.study_file.space_file import parse_space
from tuned.core.trials.trial import classify_exit

SPACE = parse_space(
    {
        "batch": {"type": "int", "low": 8, "high": 512, "log": True},
        "width": {"type": "int", "low": 16, "high": 2048, "log": True},
        "act": ["relu", "tanh", "gelu"],
    }
)
LIMIT = 2.0**30


def needed(point: dict) -> float:
    return float(point["batch"]) * float(point["width"]) * 30_000


def trials(n: int = 24, measured: bool = True, failure: Failure = Failure.OOM) -> list[TrialLine]:
    rows = []
    for i in range(n):
        point = design_point(SPACE, 0, i)
        size = needed(point)
        peak = min(size, 0.9 * LIMIT) if measured else None
        if size > LIMIT:
            rows.append(TrialLine(i + 1, point, TrialState.FAILED, {}, failure, memory=peak))
        else:
            rows.append(TrialLine(i + 1, point, TrialState.COMPLETED, {"loss": float(i)}, memory=peak))
    return rows


def lessons(rows: list[TrialLine], limit: float | None = LIMIT):
    evidence = weigh(SPACE, (ObjectiveLine("loss", "minimize"),), rows)
    return evidence, lessons_of(SPACE, evidence.measured, evidence.failed, limit)


def test_measured_memory_is_modelled_and_extrapolated_for_what_ran_out_of_it() -> None:
    rows = trials()
    evidence, (lesson,) = lessons(rows)
    assert lesson.line.bound == math.log2(0.95 * LIMIT) and lesson.line.direction == "minimize"
    assert evidence.failed and not evidence.avoided
    for failed in evidence.failed:
        assert not lesson.line.holds(lesson.known[failed.number])
        assert abs(lesson.known[failed.number] - math.log2(needed(failed.point))) < 0.7
    for sample in evidence.data:
        assert lesson.known[sample.number] == math.log2(needed(sample.point))


def test_without_measurements_only_the_failing_is_modelled() -> None:
    evidence, (lesson,) = lessons(trials(measured=False))
    assert lesson.line.bound == 0.5 and lesson.line.direction == "maximize"
    assert {lesson.known[f.number] for f in evidence.failed} == {0.0}
    assert {lesson.known[s.number] for s in evidence.data} == {1.0}
    _, (declared,) = lessons(trials(failure=Failure.INFEASIBLE))
    assert declared.line.bound == 0.5


def test_a_bug_teaches_nothing_and_no_failure_asks_for_nothing() -> None:
    evidence, found = lessons(trials(failure=Failure.ERROR))
    assert found == () and evidence.avoided and not evidence.failed
    assert lessons([row for row in trials() if row.failure is None])[1] == ()
    assert lessons_of(SPACE, [Measured(1, design_point(SPACE, 0, 0), 1.0)], [], LIMIT) == ()


def test_a_declared_point_is_told_by_its_last_line() -> None:
    tail = (
        'Traceback (most recent call last):\n  File "t.py", line 3\ntuned.sdk.infeasible.InfeasiblePoint: odd width\n'
    )
    outcome = classify_exit({"code": 1, "signal": None}, None, False, tail)
    assert outcome.failure is Failure.INFEASIBLE and "odd width" in outcome.reason
    other = classify_exit({"code": 1, "signal": None}, None, False, "ValueError: no InfeasiblePoint here\n")
    assert other.failure is Failure.ERROR
