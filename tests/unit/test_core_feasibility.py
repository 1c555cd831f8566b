"""All results break a constraint: the sentence names the bounds and the closest trial."""

from __future__ import annotations

from dataclasses import dataclass, field

from tuned.analyses.answer import Answer
from tuned.analyses.bounds import with_bounds
from tuned.analyses.study_data import StudyData, TrialData
from tuned.core.feasibility import breaks, none_keeps
from tuned.core.study import Constraint, Objective, RunSpec, SearchSpec, StudySpec

BOUNDS = (Constraint("ms", at_most=20.0), Constraint("accuracy", at_least=0.5))


@dataclass(frozen=True)
class Row:
    number: int
    values: dict[str, float | str] = field(default_factory=dict)


def test_the_closest_is_the_one_that_is_least_beyond_by_the_bounds_own_size() -> None:
    rows = [Row(1, {"ms": 40.0, "accuracy": 0.9}), Row(2, {"ms": 22.0, "accuracy": 0.6}), Row(3), Row(4, {"ms": "nan"})]
    assert none_keeps(rows, BOUNDS) == (
        "all 2 trials with a result break a constraint (ms <= 20, 0.5 <= accuracy); "
        "the closest is trial 2 with ms 22, accuracy 0.6"
    )
    assert none_keeps([Row(7, {"ms": float("inf")})], BOUNDS[:1]).startswith("the one trial with a result breaks")


def test_a_broken_bound_is_named_with_its_value() -> None:
    both = (*BOUNDS, Constraint("size", at_least=2.0, at_most=3.0))
    assert breaks({"ms": 40.0, "accuracy": 0.4, "size": 3.5}, both) == [
        "ms <= 20 (40)", "0.5 <= accuracy (0.4)", "2 <= size <= 3 (3.5)",
    ]  # fmt: skip
    assert breaks({"ms": "nan", "loss": 1.0}, both) == ["ms <= 20 (nan)"], "as JSON carries it, and as ranking has it"
    assert breaks({"ms": 20.0}, both) == []


def test_nothing_is_said_while_one_keeps_them_or_none_has_a_result() -> None:
    assert none_keeps([Row(1, {"ms": 40.0}), Row(2, {"ms": 20.0})], BOUNDS) == ""
    assert none_keeps([Row(1), Row(2)], BOUNDS) == "" == none_keeps([], BOUNDS)
    assert none_keeps([Row(1, {"ms": 40.0})], ()) == ""


def test_every_analysis_of_such_a_study_begins_with_it() -> None:
    spec = StudySpec(
        "s", RunSpec("command", command=("true",)), SearchSpec(), objectives=(Objective("loss", "minimize"),),
        constraints=BOUNDS[:1],
    )  # fmt: skip
    trials = (TrialData(1, {}, "completed", {"loss": 0.5, "ms": 30.0}),)
    noted = with_bounds(Answer(notes=("a remark",)), StudyData("s", spec, trials))
    assert noted.notes[0].startswith("the one trial with a result breaks a constraint (ms <= 20)")
    assert noted.notes[1:] == ("a remark",)
    kept = (*trials, TrialData(2, {}, "completed", {"loss": 0.6, "ms": 10.0}))
    assert with_bounds(Answer(), StudyData("s", spec, kept)).notes == ()
