"""Effect tables: what they say where the truth is a formula."""

from __future__ import annotations

import numpy as np

from tests.analyses.made import searched, study, trial
from tests.analyses.recorded import recorded
from tuned.analyses.answer import Answer
from tuned.analyses.parameters.effects import effects
from tuned.analyses.parameters.measures import effort_cells
from tuned.analyses.question import Question
from tuned.analyses.study_data import StudyData
from tuned.analyses.table import Table

SPACE = {
    "x": {"type": "float", "low": 0.0, "high": 1.0},
    "kind": {"type": "choice", "values": ["a", "b"], "role": "scientific"},
}


def ask(made: StudyData, **options: str) -> Answer:
    return effects(Question(made, options))


def named(answer: Answer, name: str) -> Table:
    return next(t for t in answer.tables if t.name == name)


def column(table: Table, name: str) -> dict[str, object]:
    return {row["value"]: row[name] for row in table.to_dict()["rows"]}


def confounded() -> StudyData:
    """`b` is better by 0.3, but was tried only where x is bad, as a search that leans on early luck would."""
    rng = np.random.default_rng(0)
    points = [{"x": float(rng.uniform(0, 0.6)), "kind": "a"} for _ in range(16)]
    points += [{"x": float(rng.uniform(0.4, 1.0)), "kind": "b"} for _ in range(16)]
    return study([trial(i + 1, [2 * p["x"] - 0.3 * (p["kind"] == "b")], p) for i, p in enumerate(points)], SPACE)


def test_raw_means_mislead_where_parameters_go_together_and_the_table_says_so():
    table = named(ask(confounded(), param="kind"), "effects.kind")
    raw, adjusted = column(table, "mean"), column(table, "adjusted")
    assert raw["a"] < raw["b"]
    assert adjusted["b"] < adjusted["a"]
    assert any("x goes with kind" in note for note in table.notes)


def test_independent_parameters_are_not_called_entangled():
    made = searched(SPACE, lambda p: p["x"] + (p["kind"] == "b"), 32)
    assert not any("goes with" in note for t in ask(made).tables for note in t.notes)


def test_the_overview_ranks_by_what_matters():
    made = searched({**SPACE, "dud": {"type": "float", "low": 0.0, "high": 1.0}}, lambda p: (p["x"] - 0.4) ** 2, 40)
    rows = named(ask(made), "effects").to_dict()["rows"]
    assert rows[0]["parameter"] == "x" and rows[0]["explains"] > 0.5
    assert all(row["explains"] < 0.1 for row in rows[1:])


def test_isolation_compares_at_equal_numbers_of_trials():
    """Twelve draws find a better best than four from the same law; that is no merit of the value."""
    rng = np.random.default_rng(3)
    points = [{"x": float(rng.random()), "kind": "a" if i < 36 else "b"} for i in range(40)]
    made = study([trial(i + 1, [float(rng.normal())], p) for i, p in enumerate(points)], SPACE)
    table = named(ask(made, param="kind"), "isolation.kind")
    best, fair = column(table, "best"), column(table, "expected_best")
    assert best["a"] < best["b"]
    assert fair["a"] > best["a"]
    assert "not decided" in table.notes[0]


def test_a_clear_difference_is_decided():
    made = searched(SPACE, lambda p: p["x"] / 10 + (p["kind"] == "b"), 24)
    assert "more than the luck" in named(ask(made, param="kind"), "isolation.kind").notes[0]


def test_conditional_parameters_have_a_row_for_where_they_are_inactive():
    table = named(ask(recorded("healthy-regularizer"), param="dropout"), "effects.dropout")
    assert table.rows[-1][0] == "(inactive)" and sum(row[1] for row in table.rows) == 20


def test_another_metric_is_ranked_in_its_own_direction():
    table = named(ask(recorded("healthy-accuracy"), metric="train_accuracy", param="lr"), "effects.lr")
    assert "train_accuracy by lr" in table.title
    assert max(row[4] for row in table.rows) == 1.0  # the best of an accuracy is the highest


def test_effort_counts_the_trials_whose_results_count():
    """One that had converged (`patience`) is a whole result; one that a rung or the disk cut short is none."""
    falling = [1.0 / step for step in range(1, 31)]
    ends = [
        ("completed", ""),
        ("pruned", "patience"),
        ("pruned", "patience"),
        ("pruned", "asha"),
        ("completed", "disk"),
    ]
    trials = [
        trial(number, falling, {"lr": 0.1}, state=state, stopped_by=by, seconds=10.0 * number, ended_at=10.0 * number)
        for number, (state, by) in enumerate(ends, 1)
    ]
    made = study(trials, {"lr": {"type": "float", "low": 1e-4, "high": 1.0, "log": True}})
    _, _, seconds, speed = effort_cells(made, trials)
    assert (seconds, speed) == (20.0, 30.0 / 20.0)
    only_converged = [one for one in trials if one.stopped_by == "patience"]
    assert effort_cells(made, only_converged)[2] == 25.0


def test_effort_is_read_from_the_trials_times():
    made = recorded("healthy-batch")
    rows = named(ask(made, param="batch"), "effects.batch").to_dict()["rows"]
    assert [row["value"] for row in rows] == ["32", "64", "128"]
    assert all(0 < row["converged_s"] <= row["seconds"] * 1.01 for row in rows)
    assert rows[0]["steps_per_s"] < rows[-1]["steps_per_s"]  # an epoch of small batches takes longer
