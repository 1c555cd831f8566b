from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tuned.core.errors import InvalidInput
from tuned.core.search.design import complete_point, design_point, every_point, fresh_point
from tuned.core.search.phases import due, initial_points, phase
from tuned.core.search.sequence import DIMENSIONS, noise, quasi_random
from tuned.core.space import Point, SearchSpace, canonical_key
from tuned.core.space.unit import Scale
from tuned.core.study import SearchSpec
from tuned.core.study_file.space_file import parse_space

ROOT = Path(__file__).parents[2]
MIXED: dict[str, Any] = {
    "lr": {"type": "float", "low": 1e-5, "high": 0.1, "log": True},
    "width": {"type": "int", "low": 16, "high": 512, "log": True},
    "depth": {"type": "int", "low": 1, "high": 4},
    "reg": ["none", "l2", "dropout"],
    "dropout": {"type": "float", "low": 0.0, "high": 0.6, "when": {"reg": "dropout"}},
    "amp": {"type": "bool", "when": {"reg": ["l2", "dropout"]}},
    "epochs": 20,
}


QUASI = [0.5733732322696596, 0.2604099689051509, 0.8525072683114558]
NOISE = 0.17340938608449796
POINT = {"lr": 0.000509419566493, "width": 511, "depth": 3, "reg": "l2", "amp": True, "epochs": 20}


def mixed() -> SearchSpace:
    return parse_space(MIXED)


@pytest.mark.parametrize("method", ["sobol", "random"])
def test_points_are_whole_and_only_active_parameters_have_values(method: Any):
    space = mixed()
    seen = set()
    for i in range(200):
        point = design_point(space, 3, i, method)
        assert space.check(point) == point
        assert ("dropout" in point) == (point["reg"] == "dropout")
        assert point["epochs"] == 20
        seen.add(canonical_key(point))
    assert len(seen) == 200


def test_point_i_is_the_same_in_every_process_and_order():
    space = mixed()
    backwards = [design_point(space, 11, i) for i in reversed(range(12))][::-1]
    assert backwards == [design_point(space, 11, i) for i in range(12)]
    program = (
        "import json; from tuned.core.search.design import design_point; from tuned.core.space import SearchSpace\n"
        f"space = SearchSpace.from_dict({space.to_dict()!r})\n"
        "print(json.dumps([design_point(space, 11, i) for i in range(12)]))"
    )
    out = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert json.loads(out) == backwards


def test_these_points_never_change():
    """Studies are continued by index after an upgrade: these literals are a promise."""
    space = mixed()
    assert [quasi_random(0, i, 0) for i in range(3)] == QUASI
    assert noise(7, 1, "x") == NOISE
    assert design_point(space, 0, 5) == POINT


def test_seeds_differ():
    space = mixed()
    assert design_point(space, 0, 1) != design_point(space, 1, 1)


def test_an_evenly_spread_design_begins_near_the_middle_of_every_range():
    space = parse_space(
        {
            "lr": {"type": "float", "low": 1e-5, "high": 0.1, "log": True},
            "momentum": {"type": "float", "low": 0.0, "high": 0.9, "likely": 0.9},
            "depth": {"type": "int", "low": 1, "high": 5},
            "width": [32, 64, 128],
            "optimizer": ["sgd", "adam", "lion"],
            "nesterov": {"type": "bool"},
            "beta": {"type": "float", "low": 0.0, "high": 1.0, "when": {"optimizer": "adam"}},
        }
    )
    first = [design_point(space, seed, 0) for seed in range(40)]
    for point in first:
        assert (point["momentum"], point["depth"], point["width"]) == (0.9, 3, 64)
        assert 10**-3.4 <= float(point["lr"]) <= 10**-2.6
        assert 0.4 <= float(point.get("beta", 0.5)) <= 0.6 and ("beta" in point) == (point["optimizer"] == "adam")
    # What one point gave by luck is not the beginning of every study of the space.
    assert len({point["lr"] for point in first}) == 40
    # What has no middle is drawn: the same value in every study would say nothing of the others.
    assert {point["optimizer"] for point in first} == {"sgd", "adam", "lion"}
    assert {point["nesterov"] for point in first} == {True, False}
    # A sample of independent points has none either.
    assert len({design_point(space, seed, 0, "random")["lr"] for seed in range(40)}) == 40


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_power_of_two_block_is_stratified(seed: int):
    for dimension in (0, 1, 7, DIMENSIONS - 1):
        for start in (0, 64):
            cells = {int(quasi_random(seed, i, dimension) * 64) for i in range(start, start + 64)}
            assert len(cells) == 64


def test_pairs_of_dimensions_fill_the_square_better_than_noise():
    def boxes(draw: Any) -> int:
        return len({(int(draw(i, 0) * 16), int(draw(i, 1) * 16)) for i in range(256)})

    assert boxes(lambda i, d: quasi_random(5, i, d)) == 256
    assert boxes(lambda i, d: noise(5, i, str(d))) < 200


def test_dimensions_beyond_the_table_are_uniform():
    values = [quasi_random(0, i, DIMENSIONS + 3) for i in range(2000)]
    assert min(values) >= 0 and max(values) < 1
    assert abs(sum(values) / 2000 - 0.5) < 0.03


def test_log_scales_and_bounds():
    space = mixed()
    points = [design_point(space, 0, i) for i in range(512)]
    below = sum(p["lr"] < 1e-3 for p in points)  # type: ignore[operator]
    assert 250 <= below <= 262
    assert {p["depth"] for p in points} == {1, 2, 3, 4}
    widths = [math.log(float(p["width"])) for p in points]
    assert abs(sum(widths) / len(widths) - math.log(math.sqrt(16 * 513))) < 0.05


def test_completing_keeps_what_was_given():
    space = mixed()
    for i in range(50):
        point = complete_point(space, {"dropout": 0.5, "width": 100}, 0, i)
        assert point["dropout"] == 0.5 and point["width"] == 100 and point["reg"] == "dropout"
        point = complete_point(space, {"amp": True}, 0, i)
        assert point["reg"] in ("l2", "dropout")
    with pytest.raises(InvalidInput):
        complete_point(space, {"reg": "none", "dropout": 0.5}, 0, 0)
    with pytest.raises(InvalidInput):
        complete_point(space, {"width": 1}, 0, 0)


def test_completing_reaches_over_generations():
    space = parse_space(
        {
            "a": ["x", "y"],
            "b": {"type": "choice", "values": ["p", "q"], "when": {"a": "y"}},
            "c": {"type": "bool", "when": {"b": "q"}},
        }
    )
    for i in range(8):
        assert complete_point(space, {"c": True}, 0, i) == {"a": "y", "b": "q", "c": True}


def test_fresh_points_use_up_a_small_space_and_then_say_so():
    space = parse_space(
        {"o": ["sgd", "adam"], "m": {"type": "int", "low": 1, "high": 40, "when": {"o": "sgd"}}, "k": [1, 2]}
    )
    assert len(list(every_point(space))) == space.size() == 82
    taken: set[str] = set()
    for i in range(82):
        point = fresh_point(space, 0, i, taken)
        assert point is not None and space.check(point) == point
        assert canonical_key(point) not in taken
        taken.add(canonical_key(point))
    assert fresh_point(space, 0, 83, taken) is None


def test_points_that_are_rounded_alike_are_tried_once():
    space = parse_space({"x": {"type": "float", "low": 0.0, "high": 1.0}})

    def rounded(point: Point) -> Point:
        return {"x": round(float(point["x"]), 1)}

    taken: set[str] = set()
    while (point := fresh_point(space, 0, len(taken), taken, as_recorded=rounded)) is not None:
        assert canonical_key(point) not in taken
        taken.add(canonical_key(point))
    assert len(taken) == 11


def test_likely_values_come_first_and_guide_a_part_of_a_designs_beginning():
    likely = {"lr": 1e-3, "width": 64, "reg": "l2"}
    entries = {**MIXED, "reg": {"type": "choice", "values": MIXED["reg"]}}
    guided = parse_space({**entries, **{name: {**entries[name], "likely": value} for name, value in likely.items()}})
    plain = mixed()
    first = design_point(guided, 7, 0)
    assert {name: first[name] for name in likely} == likely
    near = [design_point(guided, 7, i) for i in range(4, 20, 4)]
    off = [abs(math.log10(float(p["lr"])) + 3) for p in near]
    assert sum(off) / len(off) < 0.6 and {p["reg"] for p in near} > {"l2"}
    for i in (i for i in range(40) if i % 4 or i >= 20):
        assert design_point(guided, 7, i) == design_point(plain, 7, i)
    assert design_point(guided, 7, 0, "random") == design_point(plain, 7, 0, "random")


def test_points_around_a_likely_end_of_a_range_are_points_beside_it_and_not_that_end_again():
    ranges: dict[str, Any] = {
        "low": {"type": "float", "low": 0.0, "high": 1.0, "likely": 0.0},
        "high": {"type": "float", "low": 0.0, "high": 1.0, "likely": 1.0},
        "log": {"type": "float", "low": 1e-6, "high": 1.0, "log": True, "likely": 1.0},
    }
    for name, entry in ranges.items():
        space = parse_space({name: entry})
        around = [float(design_point(space, seed, i)[name]) for seed in range(20) for i in (4, 8, 12, 16)]
        away = [abs(Scale(space[name].low or 0.0, 1.0, space[name].log).unit(x) - (name != "low")) for x in around]
        assert min(away) > 1e-4 and sum(away) / len(away) < 0.2


@pytest.mark.parametrize(("entry", "what"), [
    ({"type": "float", "low": 0.0, "high": 1.0, "likely": 2.0}, "2 lies outside 0 .. 1"),
    ({"values": ["a", "b"], "likely": "c"}, "'c' is not one of"),
])  # fmt: skip
def test_a_likely_value_is_one_of_the_space(entry: dict[str, Any], what: str):
    with pytest.raises(InvalidInput) as refused:
        parse_space({"x": entry})
    assert refused.value.where == "space.x.likely" and what in str(refused.value)


def test_an_empty_space_has_one_point():
    space = parse_space({})
    assert design_point(space, 0, 0) == {}
    assert fresh_point(space, 0, 0, set()) == {}
    assert fresh_point(space, 0, 1, {canonical_key({})}) is None


def test_phases():
    space = mixed()
    # Four numbers, three values of one choice, two of the other.
    assert initial_points(space, None) == 9
    assert initial_points(space, 15) == 5
    assert initial_points(space, 3) == 2
    assert phase(space, "auto", 5, 8, 30) == "design"
    assert phase(space, "auto", 4, 9, 30) == "design"
    assert phase(space, "auto", 5, 9, 30) == "model"
    assert phase(space, "bayesian", 5, 9) == "model" and phase(space, "bayesian", 5, 8) == "design"
    assert phase(space, "random", 99, 99, 100) == "design" and phase(space, "sobol", 99, 99, 100) == "design"
    assert phase(parse_space({}), "auto", 99, 99, 100) == "design"
    small = parse_space({"a": [1, 2, 3, 4]})
    assert phase(small, "auto", 50, 50, 100) == "design" and phase(small, "bayesian", 50, 50, 100) == "model"


def test_a_design_takes_a_third_of_the_time_at_most():
    """16 trials fit into the night: a design of 9 to 20 points, made for more, left hardly any for the model."""
    space = mixed()
    assert phase(space, "auto", 5, 5, None, spent=0.33) == "design"
    assert phase(space, "auto", 5, 5, None, spent=0.34) == "model"
    assert phase(space, "auto", 1, 1, None, spent=0.9) == "design", "one result is no basis"
    assert phase(space, "auto", 1, 1, None, prior=True, spent=0.9) == "model"
    assert phase(space, "sobol", 5, 5, None, spent=0.9) == "design"
    told = due(space, SearchSpec("auto", None, budget=3600.0), 5, 5, spent=0.5)
    assert told.way == "bayesian" and told.why.endswith("quasi-random points or a third of the budget")
    assert due(space, SearchSpec("auto", 200, budget=3600.0), 5, 5).why.endswith("9 quasi-random points")
