from __future__ import annotations

import json
import math
from itertools import pairwise

import pytest

from tuned.advisor.encoding import columns_of, decode, encode
from tuned.advisor.history import MOST_DATA, MOST_DATA_SEVERAL, MOST_POINTS, weigh
from tuned.advisor.messages import (
    BadRequest,
    DefineStudy,
    Forget,
    ObjectiveLine,
    Ping,
    Request,
    Suggest,
    Suggestion,
    TrialLine,
    UpdateTrials,
    read_request,
    to_request,
)
from tuned.advisor.suggesting import expected_improvement
from tuned.core.search.design import design_point
from tuned.core.space import Parameter, SearchSpace
from tuned.core.states import Failure, TrialState
from tuned.core.study_file.space_file import parse_space

SPACE = parse_space(
    {
        "x": {"type": "float", "low": 1e-5, "high": 1.0, "log": True},
        "n": {"type": "int", "low": 1, "high": 9},
        "batch": [8, 32, 128],
        "act": ["relu", "tanh", "gelu"],
        "amp": {"type": "bool", "when": {"act": "relu"}},
        "epochs": 20,
    }
)
MINIMIZE = (ObjectiveLine("loss", "minimize"),)
MAXIMIZE = (ObjectiveLine("acc", "maximize"),)


def trial(number: int, state: str = "completed", failure: Failure | None = None, **values: float) -> TrialLine:
    return TrialLine(number, design_point(SPACE, 0, number), TrialState(state), values, failure)


def test_each_state_is_told_in_its_own_way():
    rows = [
        trial(1, loss=1.0),
        trial(2, "pruned", loss=3.0),
        trial(3, "running", loss=0.1),
        trial(4, "queued"),
        trial(5, "failed", Failure.OOM),
        trial(6, "failed", Failure.ERROR, loss=0.0),
        trial(7, "failed", Failure.NAN),
        trial(8, loss=math.nan),
        trial(9, loss=-math.inf),
        trial(10, "cancelled", loss=0.0),
        trial(11, "lost", loss=0.0),
        trial(12, other=0.0),
        trial(13, "pruned"),
        trial(14, "paused"),
        trial(15, "starting"),
    ]
    evidence = weigh(SPACE, MINIMIZE, reversed(rows))
    assert [(s.number, s.values[0]) for s in evidence.data] == [(1, 1.0), (2, 3.0), (7, 3.0), (8, 3.0), (9, 3.0)]
    assert [n for n, _ in evidence.pending] == [3, 4, 14, 15]
    assert [n for n, _ in evidence.avoided] == [6, 12, 13] and [f.number for f in evidence.failed] == [5]
    assert evidence.diverged == 3 and len(evidence.taken) == 15
    assert evidence.best is not None and evidence.best.number == 1


def test_without_a_finite_result_diverged_points_are_only_avoided():
    evidence = weigh(SPACE, MINIMIZE, [trial(1, loss=math.nan), trial(2, "failed", Failure.NAN)])
    assert evidence.data == () and evidence.best is None
    assert [n for n, _ in evidence.avoided] == [1, 2]


def test_a_diverged_trial_is_the_worst_in_either_direction():
    evidence = weigh(SPACE, MAXIMIZE, [trial(1, acc=0.2), trial(2, acc=0.9), trial(3, acc=math.inf)])
    assert [s.values[0] for s in evidence.data] == [0.2, 0.9, 0.2]
    assert evidence.best is not None and evidence.best.number == 2


def test_one_absurd_result_does_not_flatten_the_rest():
    losses = [0.1, 0.2, 0.3, 0.4, 1e30]
    evidence = weigh(SPACE, MINIMIZE, [trial(i, loss=v) for i, v in enumerate(losses)])
    assert [s.values[0] for s in evidence.data[:4]] == losses[:4]
    assert evidence.data[4].values[0] == pytest.approx(0.3 + 5 * 0.2)
    accuracies = weigh(SPACE, MAXIMIZE, [trial(i, acc=-v) for i, v in enumerate(losses)])
    assert accuracies.data[4].values[0] == pytest.approx(-1.3)


def test_points_outside_of_todays_space_are_left_out():
    rows = [TrialLine(1, {"x": 5.0}, TrialState.COMPLETED, {"loss": 1.0}), trial(2, loss=2.0)]
    evidence = weigh(SPACE, MINIMIZE, rows)
    assert [s.number for s in evidence.data] == [2] and len(evidence.taken) == 1


def test_what_is_fed_is_bounded_and_keeps_best_latest_and_some_of_all_ranks():
    n = MOST_DATA * 10
    rows = [trial(i, loss=float(i)) for i in range(1, n + 1)] + [trial(n + i, "queued") for i in range(1, 100)]
    evidence = weigh(SPACE, MINIMIZE, rows)
    numbers = [s.number for s in evidence.data]
    latest, spread = 25, 50
    best = MOST_DATA - latest - spread
    assert len(numbers) == MOST_DATA and numbers == sorted(numbers)
    assert numbers[:best] == list(range(1, best + 1)) and numbers[-latest:] == list(range(n - latest + 1, n + 1))
    steps = {b - a for a, b in pairwise(numbers[best:-latest])}
    assert max(steps) - min(steps) <= 1 and min(steps) == (n - best - latest) // spread
    assert [p for p, _ in evidence.pending] == list(range(n + 100 - MOST_POINTS, n + 100))
    # One more than there is room for, and the best of it for a metric of which more is better.
    evidence = weigh(SPACE, MAXIMIZE, [trial(i, acc=float(i % 7)) for i in range(1, MOST_DATA + 2)])
    assert len(evidence.data) == MOST_DATA and {s.number for s in evidence.data} >= set(range(6, MOST_DATA, 7))


def test_several_objectives_are_fed_the_best_of_each_and_the_latest():
    both = (ObjectiveLine("a", "minimize"), ObjectiveLine("b", "maximize"))
    n = MOST_DATA_SEVERAL * 5
    evidence = weigh(SPACE, both, [trial(i, a=float(i), b=float(-i % 50)) for i in range(1, n + 1)])
    numbers = {s.number for s in evidence.data}
    assert len(numbers) == MOST_DATA_SEVERAL
    half, quarter = MOST_DATA_SEVERAL // 2, MOST_DATA_SEVERAL // 4
    assert numbers >= set(range(n - half + 1, n + 1)) and numbers >= set(range(1, quarter + 1))
    assert numbers >= {number for number in range(1, n + 1) if -number % 50 == 49}


def test_points_come_back_from_the_model_as_they_went():
    columns = columns_of(SPACE)
    assert [c.name for c in columns] == ["p0", "p1", "p2", "p3", "p4"]
    for i in range(100):
        point = design_point(SPACE, 1, i)
        row = encode(columns, point)
        assert list(row) == ["p0", "p1", "p2", "p3", "p4"]
        assert [type(v) for v in row.values()] == [float, int, int, str, int]
        assert decode(SPACE, columns, row) == point
        assert decode(SPACE, columns, {**row, "p0": row["p0"] * (1 + 1e-15)}) == point


def test_edges_are_clamped():
    columns = columns_of(SPACE)
    row = {**encode(columns, design_point(SPACE, 1, 0)), "p0": 1.0000000001, "p1": 9.0}
    point = decode(SPACE, columns, row)
    assert point["x"] == 1.0 and point["n"] == 9


@pytest.mark.parametrize(
    "request_",
    [
        DefineStudy(3, SPACE, MINIMIZE, 7, "bayesian"),
        UpdateTrials(3, (trial(1, loss=1.0), trial(2, "failed", Failure.OOM), trial(3, loss=math.inf))),
        Suggest(3, 9),
        Forget(3),
        Ping(),
    ],
)
def test_requests_survive_the_pipe(request_: Request):
    line = json.dumps({"id": 5, **to_request(request_)}).encode()
    assert read_request(line) == (5, request_)


def test_answers_survive_the_pipe():
    for suggestion in (
        Suggestion({"x": 0.5}, "bayesian", "because", {"loss": (0.1, 0.02)}, 0.4),
        Suggestion({"x": 0.5}, "sobol", "because"),
        Suggestion(None, why="all 9 points"),
    ):
        assert Suggestion.from_answer(json.loads(json.dumps(suggestion.to_answer()))) == suggestion


@pytest.mark.parametrize(
    "line",
    [b"", b"{", b"3", b'{"op": "trials", "study": 1, "rows": [{"number": true}]}', b'{"op": "suggest", "study": 1}',
     b'{"op": "study", "study": 1, "space": {}, "objectives": []}', b'{"op": "ping2"}', b'{"op": []}',
     b'{"op": "study", "study": 1, "space": {"parameters": []}, "objectives": [{"metric": "a", "direction": "up"}]}'],
)  # fmt: skip
def test_bad_requests(line: bytes):
    with pytest.raises(BadRequest):
        read_request(line)


def test_expected_improvement():
    assert expected_improvement(0.5, 0.0) == 0.5 and expected_improvement(-0.5, 0.0) == 0.0
    assert expected_improvement(0.0, 1.0) == pytest.approx(1 / math.sqrt(2 * math.pi))
    assert 0 <= expected_improvement(-50.0, 1.0) < 1e-12
    assert expected_improvement(3.0, 0.1) == pytest.approx(3.0)


def test_a_trial_stopped_at_a_rung_counts_as_what_it_would_have_reached():
    space = SearchSpace((Parameter("x", "float", 0.0, 10.0),))

    def line(number, state, value, rungs):
        values = {} if value is None else {"loss": value}
        return TrialLine(number, {"x": float(number)}, state, values, rungs=rungs)

    finished = [line(1, TrialState.COMPLETED, 0.2, {0: 1.0, 1: 0.5}), line(2, TrialState.COMPLETED, 0.3, {0: 1.3})]
    stopped, paused = line(3, TrialState.PRUNED, 1.5, {0: 1.5}), line(4, TrialState.PAUSED, None, {0: 1.6})
    far = line(5, TrialState.PRUNED, 0.9, {0: 1.2, 1: 0.9})
    evidence = weigh(space, (ObjectiveLine("loss", "minimize"),), [*finished, stopped, paused, far])
    # At rung 0 the finished ones gained 0.8 and 1.0; at rung 1 only one has been seen.
    assert {s.number: round(s.values[0], 6) for s in evidence.data} == {1: 0.2, 2: 0.3, 3: 0.6, 4: 0.7, 5: 0.9}
    assert not evidence.pending


def test_a_trial_stopped_after_some_folds_counts_as_it_would_with_all_of_them():
    space = SearchSpace((Parameter("x", "float", 0.0, 10.0),))

    def line(number, state, folds, by=""):
        values = {"loss": sum(folds) / len(folds)}
        return TrialLine(number, {"x": float(number)}, state, values, folds=dict(enumerate(folds)), stopped_by=by)

    whole = line(1, TrialState.COMPLETED, [0.4, 0.5, 0.5, 0.9, 1.0])  # 0.66, and 0.467 on its first three folds
    easy = line(2, TrialState.PRUNED, [0.45, 0.49, 0.5], "folds")
    evidence = weigh(space, (ObjectiveLine("loss", "minimize"),), [whole, easy])
    told = {s.number: s.values[0] for s in evidence.data}
    assert told[1] == pytest.approx(0.66)
    assert told[2] == pytest.approx(0.48 + 0.66 - 1.4 / 3)
    assert evidence.best is not None and evidence.best.number == 1


def test_a_trial_that_ended_by_patience_has_reached_its_end():
    space = SearchSpace((Parameter("x", "float", 0.0, 10.0),))

    def line(number, state, value, rungs, by=""):
        return TrialLine(number, {"x": float(number)}, state, {"loss": value}, rungs=rungs, stopped_by=by)

    rows = [
        line(1, TrialState.COMPLETED, 0.2, {0: 1.0}),
        line(2, TrialState.COMPLETED, 0.3, {0: 1.3}),
        line(3, TrialState.PRUNED, 0.25, {0: 0.9}, "patience"),
        line(4, TrialState.PRUNED, 0.1, {0: 0.1}, "user"),
    ]
    evidence = weigh(space, (ObjectiveLine("loss", "minimize"),), rows)
    told = {s.number: s.values[0] for s in evidence.data}
    assert told[3] == 0.25 and told[4] == pytest.approx(0.1 - 0.8)
    assert evidence.best is not None and evidence.best.number == 1
