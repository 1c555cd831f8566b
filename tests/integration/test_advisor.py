"""The advisor as the daemon runs it: a process of its own, spoken to over its standard streams, with the real Ax."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.patience import DEADLINE_S
from tuned.advisor.messages import (
    DefineStudy,
    Forget,
    ObjectiveLine,
    Ping,
    Request,
    Suggest,
    Suggestion,
    TrialLine,
    UpdateTrials,
    to_request,
)
from tuned.core.search.design import design_point
from tuned.core.space import Point, SearchSpace, canonical_key
from tuned.core.space.unit import scale_of
from tuned.core.states import Failure, TrialState
from tuned.core.study_file.constraint_file import constrained
from tuned.core.study_file.models import LinearTable
from tuned.core.study_file.space_file import parse_space

MINIMIZE = (ObjectiveLine("loss", "minimize"),)

QUADRATIC = parse_space(
    {
        "x": {"type": "float", "low": -1.0, "high": 1.0},
        "lambda": {"type": "float", "low": 1e-5, "high": 1e-1, "log": True},
        "optim.name": ["sgd", "adam", "lamb"],
        "depth": {"type": "int", "low": 1, "high": 6},
        "epochs": 20,
    }
)
CONDITIONAL = parse_space(
    {
        "optimizer": ["sgd", "adam", "none"],
        "momentum": {"type": "float", "low": 0.0, "high": 0.99, "when": {"optimizer": "sgd"}},
        "beta": {"type": "float", "low": 0.9, "high": 0.999, "when": {"optimizer": "adam"}},
        "nesterov": {"type": "bool", "when": {"optimizer": "sgd"}},
        "warm": {"type": "int", "low": 1, "high": 100, "log": True, "when": {"optimizer": ["sgd", "adam"]}},
        "late": {"type": "int", "low": 1, "high": 9, "when": {"optimizer": "sgd", "nesterov": True}},
    }
)


class AdvisorProcess:
    """The process and its pipes."""

    def __init__(self, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-m", "tuned.advisor"],
            cwd="/",
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.asked = 0

    def send(self, line: bytes) -> dict[str, Any]:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()
        return self.read()

    def read(self) -> dict[str, Any]:
        assert self.process.stdout
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def ask(self, request: Request) -> dict[str, Any]:
        self.asked += 1
        answer = self.send(json.dumps({"id": self.asked, **to_request(request)}).encode())
        # An answer that an earlier test did not wait for is none to this question.
        while answer.get("id") != self.asked:
            answer = self.read()
        del answer["id"]
        return answer

    def suggest(self, study: int, number: int) -> Suggestion:
        answer = self.ask(Suggest(study, number))
        assert "error" not in answer, answer
        return Suggestion.from_answer(answer)

    def define(self, study: int, space: SearchSpace, *rows: TrialLine, **options: Any) -> None:
        definition = {"objectives": MINIMIZE, "seed": 3, **options}
        assert self.ask(DefineStudy(study, space, **definition)) == {"ok": True}
        assert self.ask(UpdateTrials(study, rows)) == {"ok": True, "trials": len(rows)}

    def end(self) -> int:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        code = self.process.wait(DEADLINE_S)
        self.process.stdout.close()
        return code


@pytest.fixture(scope="module")
def advisor() -> Iterator[AdvisorProcess]:
    process = AdvisorProcess()
    yield process
    assert process.end() == 0


def loss(point: Point) -> float:
    decay = math.log10(float(point["lambda"])) + 3
    return (
        (float(point["x"]) - 0.3) ** 2
        + 0.1 * decay**2
        + 0.3 * (point["optim.name"] != "adam")
        + 0.05 * (float(point["depth"]) - 4) ** 2
    )


def done(number: int, point: Point, value: float | None = None, **options: Any) -> TrialLine:
    values = {"loss": loss(point) if value is None else value}
    return TrialLine(number, point, TrialState.COMPLETED, values, **options)


def design(n: int, space: SearchSpace = QUADRATIC) -> list[TrialLine]:
    return [done(i + 1, design_point(space, 3, i), None if space is QUADRATIC else i % 3) for i in range(n)]


def test_junk_is_answered_and_survived(advisor: AdvisorProcess):
    for line in (b"junk", b"[]", b"{}", b'{"id": 4}', b'{"id": 4, "op": "dance"}', b"\xff\xfe", b"[" * 100_000, b"null",
                 b'{"id": 4, "op": "suggest", "study": "x"}', b'{"id": 4, "op": "study", "study": 1, "space": 3}',
                 b'{"id": 4, "op": "trials", "study": 1, "rows": [{"number": 1}]}'):  # fmt: skip
        answer = advisor.send(line)
        assert answer["kind"] == "bad_request" and answer["error"]
        assert answer["id"] == (4 if b'"id": 4' in line else None)
    assert advisor.ask(Suggest(999, 1))["kind"] == "unknown_study"
    assert advisor.ask(Ping()) == {"ok": True}


def test_it_explains_itself_and_keeps_types(advisor: AdvisorProcess):
    advisor.define(1, QUADRATIC, *design(10))
    suggestion = advisor.suggest(1, 11)
    assert suggestion.origin == "bayesian" and suggestion.params is not None and suggestion.predicted is not None
    assert QUADRATIC.check(suggestion.params) == suggestion.params
    assert suggestion.params["epochs"] == 20 and isinstance(suggestion.params["depth"], int)
    mean, sem = suggestion.predicted["loss"]
    assert math.isfinite(mean) and sem >= 0
    best = min(design(10), key=lambda row: row.values["loss"])
    assert f"expected improvement over #{best.number} " in suggestion.why and "model from 10 trials" in suggestion.why


def test_a_restart_changes_nothing(advisor: AdvisorProcess):
    """Uninterrupted with rows added one by one, against a fresh process that is told everything at once."""
    advisor.define(2, QUADRATIC, *design(6))
    rows = design(6)
    first = advisor.suggest(2, 7)
    assert first.params is not None
    rows.append(done(7, first.params, origin="bayesian"))
    waiting = TrialLine(8, design_point(QUADRATIC, 3, 99), TrialState.RUNNING)
    advisor.ask(UpdateTrials(2, (rows[-1],)))
    advisor.ask(UpdateTrials(2, (waiting,)))
    uninterrupted = advisor.suggest(2, 9)

    fresh = AdvisorProcess()
    fresh.define(5, QUADRATIC, waiting, *reversed(rows))
    restarted = fresh.suggest(5, 9)
    fresh.process.kill()
    fresh.end()
    assert uninterrupted.origin == "bayesian"
    assert restarted.params == uninterrupted.params
    assert restarted.predicted == uninterrupted.predicted
    assert restarted.why == uninterrupted.why


def test_the_number_and_the_pending_points_matter(advisor: AdvisorProcess):
    advisor.define(3, QUADRATIC, *design(8))
    first, second = advisor.suggest(3, 9), advisor.suggest(3, 10)
    assert first.params is not None and first.params != second.params
    advisor.ask(UpdateTrials(3, (TrialLine(9, first.params, TrialState.QUEUED),)))
    third = advisor.suggest(3, 10)
    assert third.params is not None and third.params != first.params
    assert advisor.suggest(3, 9).params == first.params


def test_odd_results_never_reach_the_model(advisor: AdvisorProcess):
    points = [design_point(QUADRATIC, 3, 100 + i) for i in range(7)]
    odd = [
        done(21, points[0], math.nan),
        done(22, points[1], math.inf),
        done(23, points[2], -math.inf),
        TrialLine(24, points[3], TrialState.FAILED, {}, Failure.OOM),
        TrialLine(25, points[4], TrialState.FAILED, {"loss": 0.0}, Failure.ERROR),
        TrialLine(26, points[5], TrialState.COMPLETED, {}),
        TrialLine(27, {"no": "such"}, TrialState.COMPLETED, {"loss": 1.0}),
        TrialLine(28, points[6], TrialState.CANCELLED, {"loss": -99.0}),
        done(29, design(8)[0].params),
    ]
    advisor.define(4, QUADRATIC, *design(8), *odd)
    suggestion = advisor.suggest(4, 30)
    assert suggestion.origin == "bayesian", suggestion.why
    assert "model from 12 trials (3 diverged, counted as the worst)" in suggestion.why
    assert "-99" not in suggestion.why


def test_without_any_result_the_design_goes_on(advisor: AdvisorProcess):
    failed = [
        TrialLine(i, design_point(QUADRATIC, 3, i - 1), TrialState.FAILED, {}, Failure.ERROR) for i in range(1, 9)
    ]
    diverged = [done(i, design_point(QUADRATIC, 3, i - 1), math.nan) for i in range(9, 13)]
    advisor.define(5, QUADRATIC, *failed, *diverged)
    suggestion = advisor.suggest(5, 13)
    assert suggestion.origin == "sobol" and "there are 0" in suggestion.why
    assert suggestion.params == design_point(QUADRATIC, 3, 12)


def test_constant_results(advisor: AdvisorProcess):
    advisor.define(6, QUADRATIC, *(done(row.number, row.params, 1.0) for row in design(8)))
    suggestion = advisor.suggest(6, 9)
    assert suggestion.params is not None and suggestion.origin in ("bayesian", "fallback")


def test_conditional_spaces_over_two_parents(advisor: AdvisorProcess):
    rows = design(12, CONDITIONAL)
    for number in range(13, 16):
        advisor.define(7, CONDITIONAL, *rows)
        suggestion = advisor.suggest(7, number)
        assert suggestion.params is not None
        assert suggestion.origin == "bayesian", suggestion.why
        assert CONDITIONAL.check(suggestion.params) == suggestion.params
        rows.append(done(number, suggestion.params, float(suggestion.params["optimizer"] != "adam")))


def test_points_are_never_repeated_and_an_empty_space_is_said(advisor: AdvisorProcess):
    space = parse_space({"a": ["p", "q", "r"], "b": {"type": "int", "low": 1, "high": 3}})
    rows = [done(n, design_point(space, 3, i), i % 3) for n, i in enumerate((0, 1, 2, 1), 1)]
    advisor.define(8, space, *rows)
    keys = {canonical_key(row.params) for row in rows}
    for number in range(5, 5 + 9 - len(keys)):
        suggestion = advisor.suggest(8, number)
        assert suggestion.params is not None
        key = canonical_key(suggestion.params)
        assert key not in keys
        keys.add(key)
        advisor.ask(UpdateTrials(8, (done(number, suggestion.params, float(number)),)))
    assert len(keys) == 9
    answer = advisor.ask(Suggest(8, 50))
    assert answer["exhausted"] is True and "9 points" in answer["why"]


def test_two_objectives(advisor: AdvisorProcess):
    objectives = (ObjectiveLine("val/loss", "minimize"), ObjectiveLine("acc", "maximize"))
    rows = []
    for i in range(8):
        point = design_point(QUADRATIC, 3, i)
        values = {"val/loss": loss(point), "acc": float(point["x"])}
        rows.append(TrialLine(i + 1, point, TrialState.PRUNED if i == 3 else TrialState.COMPLETED, values))
    advisor.define(9, QUADRATIC, *rows, objectives=objectives)
    suggestion = advisor.suggest(9, 9)
    assert suggestion.origin == "bayesian", suggestion.why
    assert suggestion.predicted is not None and set(suggestion.predicted) == {"val/loss", "acc"}


def test_nothing_is_compiled_and_no_lock_is_waited_for(tmp_path: Path):
    tools, cache = tmp_path / "bin", tmp_path / "cache"
    tools.mkdir()
    for name in ("c++", "g++", "gcc", "ninja"):
        (tools / name).write_text(f"#!/bin/sh\necho {name} >> {tmp_path}/called\nexit 1\n")
        (tools / name).chmod(0o755)
    (cache / "logei_fused_ext").mkdir(parents=True)
    (cache / "logei_fused_ext" / "lock").touch()
    process = AdvisorProcess(PATH=f"{tools}:{os.environ['PATH']}", TORCH_EXTENSIONS_DIR=str(cache))
    test_two_objectives(process)
    assert process.end() == 0
    assert not (tmp_path / "called").exists()
    assert [path.name for path in cache.rglob("*")] == ["logei_fused_ext", "lock"]


@pytest.mark.parametrize("method", ["sobol", "random"])
def test_designs_by_request(advisor: AdvisorProcess, method: Any):
    advisor.define(10, QUADRATIC, *design(4), method=method)
    suggestion = advisor.suggest(10, 9)
    assert suggestion.origin == method and suggestion.params == design_point(QUADRATIC, 3, 8, method)


def test_what_is_forgotten_is_unknown(advisor: AdvisorProcess):
    advisor.define(11, QUADRATIC, *design(4))
    advisor.ask(Forget(11))
    assert advisor.ask(Suggest(11, 5))["kind"] == "unknown_study"


def test_it_finds_better_points_than_chance(advisor: AdvisorProcess):
    rows = design(8)
    for number in range(9, 19):
        advisor.define(12, QUADRATIC, *rows, method="bayesian")
        suggestion = advisor.suggest(12, number)
        assert suggestion.params is not None
        rows.append(done(number, suggestion.params))
    found = min(row.values["loss"] for row in rows)
    chance = sorted(min(loss(design_point(QUADRATIC, seed, i, "random")) for i in range(18)) for seed in range(40))
    assert found < chance[2], (found, chance)


@pytest.mark.parametrize("scale", [1e-12, 1e290])
def test_the_scale_of_the_objective_does_not_matter(advisor: AdvisorProcess, scale: float):
    advisor.define(13, QUADRATIC, *(done(row.number, row.params, row.values["loss"] * scale) for row in design(12)))
    suggestion = advisor.suggest(13, 13)
    assert suggestion.origin == "bayesian", suggestion.why
    assert suggestion.predicted is not None
    assert 1e-3 * scale < suggestion.predicted["loss"][1] < scale


NARROW = [
    {"lr": {"type": "float", "low": 1e-7, "high": 1e-5, "log": True}},
    {"lr": {"type": "float", "low": 0.0, "high": 1e-6}},
    {"lr": {"type": "float", "low": -1e-9, "high": 1e-9}, "on": ["a", "b", "c"]},
    {"lr": {"type": "float", "low": 1e-7, "high": 1e-5, "log": True, "when": {"on": "yes"}}, "on": ["yes", "no"]},
    {"lr": {"type": "float", "low": 1e-30, "high": 1e30, "log": True}},
    {"lr": {"type": "float", "low": 1000.0, "high": 1000.00001}},
    {"lr": {"type": "float", "low": 1e-300, "high": 1e300, "log": True}},
    # Ax lists whole numbers one by one: these took the memory of the machine.
    {"lr": {"type": "int", "low": 0, "high": 2**53}},
    {"lr": {"type": "int", "low": 1, "high": 2**53, "log": True}, "on": ["a", "b", "c"]},
    {"lr": {"type": "int", "low": -(2**52), "high": 2**52, "when": {"on": "yes"}}, "on": ["yes", "no"]},
]


@pytest.mark.parametrize("table", NARROW, ids=lambda table: f"{table['lr']['low']}..{table['lr']['high']}")
def test_the_model_runs_whatever_the_width_of_a_range(advisor: AdvisorProcess, table: dict[str, Any]) -> None:
    space = parse_space(table)
    scale = scale_of(space["lr"])
    assert scale is not None
    points = [design_point(space, 1, i) for i in range(8)]
    rows = [
        TrialLine(i + 1, p, TrialState.COMPLETED, {"loss": (scale.unit(float(p.get("lr", scale.low))) - 0.3) ** 2})
        for i, p in enumerate(points)
    ]
    advisor.define(40, space, *rows)
    suggestion = advisor.suggest(40, 9)
    assert suggestion.origin == "bayesian", suggestion.why
    assert suggestion.params is not None and space.check(suggestion.params) == suggestion.params


def test_conditions_hold_on_ranges_of_many_whole_numbers(advisor: AdvisorProcess) -> None:
    wide = {"type": "int", "low": 0, "high": 2**40}
    space = parse_space({"a": wide, "b": wide})
    space = constrained(space, [LinearTable(linear={"a": 1.0, "b": 1.0}, at_most=2.0**40)])
    points = [design_point(space, 1, i) for i in range(8)]
    rows = [
        TrialLine(i + 1, p, TrialState.COMPLETED, {"loss": -(float(p["a"]) + float(p["b"])) / 2**40})
        for i, p in enumerate(points)
    ]
    advisor.define(42, space, *rows)
    suggestion = advisor.suggest(42, 9)
    assert suggestion.origin == "bayesian", suggestion.why
    assert suggestion.params is not None and space.meets(suggestion.params)
    assert isinstance(suggestion.params["a"], int) and isinstance(suggestion.params["b"], int)


def test_conditions_hold_on_narrow_ranges(advisor: AdvisorProcess) -> None:
    tiny = {"type": "float", "low": 1e-7, "high": 5e-7}
    space = parse_space({"a": tiny, "b": tiny, "n": {"type": "int", "low": 1, "high": 4}})
    space = constrained(space, [LinearTable(linear={"a": 1.0, "b": 1.0, "n": 1e-7}, at_most=7e-7)])
    points = [design_point(space, 1, i) for i in range(8)]
    rows = [
        TrialLine(i + 1, p, TrialState.COMPLETED, {"loss": -1e7 * (float(p["a"]) + float(p["b"]))})
        for i, p in enumerate(points)
    ]
    advisor.define(41, space, *rows)
    suggestion = advisor.suggest(41, 9)
    assert suggestion.origin == "bayesian", suggestion.why
    assert suggestion.params is not None and space.meets(suggestion.params)


def test_evolution_is_asked_for_by_name(advisor: AdvisorProcess) -> None:
    advisor.ask(DefineStudy(1, CONDITIONAL, MINIMIZE, seed=3))
    rows = []
    for number in range(1, 13):
        point = design_point(CONDITIONAL, 3, number)
        rows.append(TrialLine(number, point, TrialState.COMPLETED, {"loss": float(point.get("momentum", 2.0))}))
    advisor.ask(UpdateTrials(1, tuple(rows)))
    made = Suggestion.from_answer(advisor.ask(Suggest(1, 13, "evolution")))
    assert made.origin == "evolution" and made.params is not None
    assert CONDITIONAL.check(made.params) == made.params and made.why.startswith("a child of #")
    assert Suggestion.from_answer(advisor.ask(Suggest(1, 13, "evolution"))).params == made.params


def test_a_constraint_keeps_the_model_where_it_holds(advisor: AdvisorProcess) -> None:
    """The objective falls with x, what must be kept rises with it: the best is at the bound."""
    space = parse_space({"x": {"type": "float", "low": 0.0, "high": 1.0}})
    goals = (ObjectiveLine("loss", "minimize"), ObjectiveLine("memory", "minimize", bound=0.5))
    advisor.ask(DefineStudy(1, space, goals, seed=1))
    chosen = []
    for number in range(1, 13):
        made = Suggestion.from_answer(advisor.ask(Suggest(1, number, "bayesian" if number > 5 else "sobol")))
        assert made.params is not None
        x = float(made.params["x"])
        values = {"loss": -x, "memory": x}
        advisor.ask(UpdateTrials(1, (TrialLine(number, made.params, TrialState.COMPLETED, values),)))
        if number > 5:
            assert made.origin == "bayesian", made.why
            chosen.append(x)
    assert max(x for x in chosen if x <= 0.5) > 0.45
    assert sum(x > 0.6 for x in chosen) <= 2


def conditioned(log: bool) -> SearchSpace:
    space = parse_space(
        {
            "width": {"type": "int", "low": 16, "high": 512, "log": log},
            "depth": {"type": "int", "low": 1, "high": 16},
            "rate": {"type": "float", "low": 0.0, "high": 1.0},
        }
    )
    return constrained(space, [LinearTable(linear={"width": 1, "depth": 64}, at_most=600)])


def test_an_earlier_study_without_a_constraints_metric_tells_of_the_objective(advisor: AdvisorProcess) -> None:
    """It was left out as a whole, and nothing said so."""
    goals = (*MINIMIZE, ObjectiveLine("latency", "minimize", 20.0))
    earlier = tuple(replace(row, number=-row.number) for row in design(12))
    ours = [replace(row, values={**row.values, "latency": 10.0 + i}) for i, row in enumerate(design(3))]
    advisor.define(43, QUADRATIC, *ours[:1], objectives=goals, prior=earlier)
    assert advisor.suggest(43, 2).why == "a model needs 2 results and there are 1"
    advisor.define(43, QUADRATIC, *ours, objectives=goals, prior=earlier)
    suggestion = advisor.suggest(43, 4)
    assert suggestion.origin == "bayesian" and "and 12 of earlier studies" in suggestion.why, suggestion.why
    assert suggestion.predicted is not None and set(suggestion.predicted) == {"loss", "latency"}


def test_a_corner_that_was_tried_is_not_tried_from_within_a_hairs_breadth(advisor: AdvisorProcess) -> None:
    """Under conditions the search for the next point ends beside a corner, at 5e-15: the same training once more."""
    unit = {"type": "float", "low": 0.0, "high": 1.0}
    space = constrained(parse_space({"x": unit, "y": unit}), [LinearTable(linear={"x": 1.0, "y": -1.0}, at_least=0.0)])
    points: list[Point] = [design_point(space, 0, i) for i in range(6)]
    points += [{"x": 0.0, "y": 0.0}, {"x": 0.4, "y": 0.0}]
    for number in range(9, 13):
        rows = [done(i + 1, p, float(p["x"]) + float(p["y"])) for i, p in enumerate(points)]
        advisor.define(44, space, *rows, seed=0)
        chosen = advisor.suggest(44, number).params
        assert chosen is not None
        apart = [max(abs(float(chosen[name]) - float(p[name])) for name in "xy") for p in points]
        assert min(apart) > 1e-6, chosen
        points.append(chosen)


@pytest.mark.parametrize("log", [False, True], ids=["told to Ax", "met by rejection"])
def test_conditions_between_parameters_are_met_by_the_model(advisor: AdvisorProcess, log: bool):
    """The best of the whole space lies where no point may be: the model must stay at the edge."""
    space = conditioned(log)
    study, rows = 90 + log, []
    for number in range(1, 9):
        point = design_point(space, 3, number)
        rows.append(done(number, point, -float(point["width"]) * float(point["depth"]) / 1000))
    advisor.define(study, space, *rows)
    for number in range(9, 12):
        suggestion = advisor.suggest(study, number)
        assert suggestion.origin == "bayesian", suggestion
        assert suggestion.params is not None and space.check(suggestion.params) == suggestion.params
        value = -float(suggestion.params["width"]) * float(suggestion.params["depth"]) / 1000
        rows.append(done(number, suggestion.params, value))
        advisor.ask(UpdateTrials(study, (rows[-1],)))
    assert min(row.values["loss"] for row in rows[8:]) < min(row.values["loss"] for row in rows[:8])


def test_the_model_keeps_below_the_memory_that_points_ran_out_of(advisor: AdvisorProcess) -> None:
    """Larger is better, and too large fails: the model goes up to the limit and hardly beyond."""
    size = {"type": "int", "low": 8, "high": 1024, "log": True}
    space = parse_space({"batch": size, "width": size})
    limit = 2.0**30

    def outcome(number: int, point: Point) -> TrialLine:
        batch, width = float(point["batch"]), float(point["width"])
        needed = batch * width * 2**15
        if needed > limit:
            return TrialLine(number, point, TrialState.FAILED, {}, Failure.OOM, memory=0.9 * limit)
        return TrialLine(number, point, TrialState.COMPLETED, {"loss": -math.log2(width * batch)}, memory=needed)

    rows = [outcome(i + 1, design_point(space, 1, i)) for i in range(12)]
    assert sum(row.failure is Failure.OOM for row in rows) >= 2
    advisor.define(21, space, *rows, method="bayesian", memory_limit=limit)
    answer = advisor.ask(Suggest(21, 13, "bayesian", count=4))
    made = [answer, *answer["more"]]
    assert [s["origin"] for s in made] == ["bayesian"] * 4 and "ran out of memory" in made[0]["why"]
    needs = [s["params"]["batch"] * s["params"]["width"] * 2**15 / limit for s in made]
    assert len({canonical_key(s["params"]) for s in made}) == 4
    assert sum(need > 1 for need in needs) <= 1 and max(n for n in needs if n <= 1) > 0.5


def test_a_cut_hides_what_came_after_it(advisor: AdvisorProcess) -> None:
    rows = design(9)
    advisor.define(22, QUADRATIC, *rows[:7], TrialLine(8, rows[7].params, TrialState.RUNNING))
    before = advisor.ask(Suggest(22, 9, "bayesian", cut=7))
    advisor.ask(UpdateTrials(22, (rows[7],)))
    assert advisor.ask(Suggest(22, 9, "bayesian", cut=7))["params"] == before["params"]
    assert advisor.ask(Suggest(22, 9, "bayesian"))["params"] != before["params"]
