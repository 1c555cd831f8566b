"""Verdicts on the space, where the right answer is known because results follow a formula."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.analyses.made import searched, study, trial
from tuned.analyses.curves.length_rules import evenness
from tuned.analyses.naming import is_batch_size, is_learning_rate
from tuned.analyses.space.bounds import near_bound
from tuned.analyses.space.idle import idle_rule
from tuned.analyses.space.infeasible import infeasible, infeasible_rule
from tuned.analyses.space.sampling import best_of_table, expected_best, gain_of_doubling, model_rule, sampling_rule
from tuned.analyses.space.space_rules import space_rules
from tuned.analyses.study_data import Curve
from tuned.core.names import is_step_count
from tuned.core.search.design import design_point
from tuned.core.search.model_share import CONVERGED
from tuned.core.space import Point
from tuned.core.study_file.space_file import parse_space

LR = {"lr": {"type": "float", "low": 1e-5, "high": 1e-1, "log": True}}
PAIR = {**LR, "width": {"type": "int", "low": 16, "high": 512, "log": True}}


def far(at: float):
    return lambda p: (math.log10(p["lr"]) - at) ** 2


def test_the_best_within_the_range_says_nothing():
    assert list(near_bound(searched(LR, far(-3), 32))) == []
    assert list(near_bound(searched(LR, far(-1.8), 32))) == []


@pytest.mark.parametrize(("at", "command"), [(0.0, "lr.high=1"), (-7.0, "lr.low=1e-06")])
def test_the_best_at_an_end_proposes_a_decade_more(at, command):
    (verdict,) = near_bound(searched(PAIR, far(at), 32))
    assert (verdict.level, verdict.about) == ("warn", "lr")
    assert verdict.command == f"tunectl space made --set {command}"


def test_an_optimum_close_to_an_end_that_a_search_has_bracketed_is_inside():
    """A search that follows results puts most of its points around the optimum, here at nine tenths of the range."""
    rng = np.random.default_rng(0)
    near = [10.0 ** (-1.4 + rng.normal(0, 0.12)) for _ in range(20)]
    rates = [10.0 ** rng.uniform(-5, -1) for _ in range(8)] + [min(rate, 0.1) for rate in near]
    made = study([trial(i + 1, [far(-1.4)({"lr": rate})], {"lr": rate}) for i, rate in enumerate(rates)], LR)
    assert list(near_bound(made)) == []


def test_more_width_is_a_remark_because_it_costs():
    (verdict,) = near_bound(searched(PAIR, lambda p: -math.log(p["width"]), 32))
    assert (verdict.level, verdict.about, verdict.evidence["proposed"]) == ("info", "width", 1024)


def test_a_parameter_without_effect_is_named_no_more_often_than_by_chance():
    rng = np.random.default_rng(0)
    named = sum(bool(list(near_bound(searched(PAIR, lambda _: float(rng.normal()), 20)))) for _ in range(100))
    assert named <= 5


def test_the_ends_of_a_share_are_ends_of_the_world():
    space = {"dropout": {"type": "float", "low": 0.0, "high": 0.5}}
    assert list(near_bound(searched(space, lambda p: p["dropout"], 32))) == []


def failing(space, fails, count=24, failure="nan"):
    made = searched(space, lambda p: p["lr"], count)
    return study(
        [
            trial(t.number, [math.nan] if failure == "nan" else [], t.params, state="failed", failure=failure)
            if fails(t.params)
            else t
            for t in made.trials
        ],
        space,
    )


def test_failures_beyond_a_rate_get_a_bound():
    (verdict,) = infeasible_rule(failing(PAIR, lambda p: p["lr"] > 1e-2))
    assert (verdict.level, verdict.about) == ("warn", "lr")
    assert verdict.evidence["boundary"] == pytest.approx(1e-2, rel=0.5)
    assert "--set lr.high=" in verdict.command


def test_points_that_the_code_declares_infeasible_are_failures():
    (verdict,) = infeasible_rule(failing(PAIR, lambda p: p["lr"] > 1e-2, failure="infeasible"))
    assert verdict.about == "lr" and "infeasible)" in verdict.what


def test_a_trial_whose_card_was_lost_is_neither_good_nor_bad():
    made = failing(PAIR, lambda p: p["lr"] > 1e-2, failure="device")
    ended, bad = infeasible(made)
    assert bad == () and {t.number for t in ended} == {t.number for t in made.trials if t.state != "failed"}


def test_failures_that_depend_on_nothing_look_like_a_bug():
    count = iter(range(24))
    (verdict,) = infeasible_rule(failing(PAIR, lambda _: next(count) % 3 == 0))
    assert "bug" in verdict.what and verdict.command.startswith("tunectl logs made/")


def test_a_few_failures_are_no_verdict():
    count = iter(range(24))
    assert list(infeasible_rule(failing(PAIR, lambda _: next(count) in (3, 9)))) == []


def test_a_value_of_a_choice_can_be_what_fails():
    space = {**LR, "amp": {"type": "choice", "values": ["off", "fp16"]}}
    (verdict,) = infeasible_rule(failing(space, lambda p: p["amp"] == "fp16"))
    assert (verdict.about, verdict.evidence["boundary"]) == ("amp", "fp16")


def test_parameters_that_reach_nothing_are_told_of():
    def same(results: list[float], rates: list[float]) -> list[str]:
        trials = [trial(i, [y], {"lr": x}) for i, (x, y) in enumerate(zip(rates, results, strict=True), 1)]
        return [v.code for v in space_rules(study(trials, LR))]

    rates = [1e-4, 1e-3, 1e-2, 2e-2]
    assert same([0.14] * 4, rates) == ["space.same"]
    assert same([0.14] * 3 + [0.14 + 1e-12], rates) == [] == same([0.14] * 3, rates[:3])
    assert same([0.14] * 4, [1e-3] * 4) == [], "one point, repeated"


def test_a_coarse_metric_is_told_from_parameters_that_reach_nothing():
    """Accuracies of two examples: the best of each trial is the same, the way there is not."""
    rates = [1e-4, 1e-3, 1e-2, 2e-2]

    def said(curves: list[list[float]], losses: list[list[float]] | None = None) -> list[tuple[str, str]]:
        trained = [{"train": losses[i]} if losses else {} for i in range(4)]
        trials = [
            trial(i + 1, values, {"lr": rate}, **trained[i])
            for i, (values, rate) in enumerate(zip(curves, rates, strict=True))
        ]
        return [(v.about, v.what) for v in space_rules(study(trials, LR)) if v.code == "space.same"]

    ((about, what),) = said([[0.5, 0.5], [0.5, 1.0], [1.0, 0.5], [0.5, 0.5]])
    assert (
        about == "val_loss" and "has not told one trial from another" in what and "nothing that is varied" not in what
    )
    ((about, what),) = said([[0.5]] * 4, [[0.3], [0.2], [0.1], [0.4]])
    assert about == "train_loss" and "though train_loss went differently" in what
    ((about, what),) = said([[0.5, 0.7]] * 4, [[0.3, 0.2]] * 4)
    assert about == "" and "nothing that is varied has moved val_loss" in what


def test_steps_linear_rates_and_batches_are_seen_in_the_space():
    space = {
        "lr": {"type": "float", "low": 0.0, "high": 0.1},
        "epochs": {"type": "int", "low": 5, "high": 50},
        "batch_size": {"type": "choice", "values": [16, 32]},
        "warmup_steps": {"type": "int", "low": 0, "high": 100},
    }
    found = {(v.level, v.code, v.about) for v in space_rules(study([], space))}
    assert found == {
        ("warn", "space.lr-linear", "lr"),
        ("warn", "space.steps", "epochs"),
        ("info", "space.batch", "batch_size"),
    }


def test_what_sets_the_length_is_measured_once_trials_have_ended():
    space = {"n_steps": {"type": "int", "low": 64, "high": 512}, "rounds": {"type": "int", "low": 5, "high": 50}}
    trials = [
        trial(i, [1.0 / i], {"n_steps": 64 * i, "rounds": 5 * i}, last_step=10.0 * i if grows else 40.0)
        for i, grows in ((1, True), (2, True), (3, True), (4, True))
    ]
    fixed = [replace(one, params={**one.params, "rounds": 50 - one.number}, last_step=40.0) for one in trials]
    lengths = [{v.about for v in space_rules(study(some, space)) if v.code == "space.steps"} for some in ([], fixed)]
    assert lengths == [{"n_steps"}, set()]
    both = {v.about for v in space_rules(study(trials, space)) if v.code == "space.steps"}
    assert both == {"n_steps", "rounds"}, "whatever it is called"


def test_names():
    assert all(map(is_learning_rate, ["lr", "optim.lr", "learning_rate", "lr_head"]))
    assert not any(map(is_learning_rate, ["lr_decay", "lr_scheduler", "flr", "warmup_lr_factor"]))
    assert all(map(is_step_count, ["epochs", "max_steps", "num_train_epochs", "n_epochs", "total_iterations"]))
    assert not any(map(is_step_count, ["warmup_steps", "eval_steps", "grad_accum_steps", "stepsize", "decay_epochs"]))
    assert all(map(is_batch_size, ["batch", "batch_size", "train.batch_size", "bs"]))
    assert not is_batch_size("batch_norm")


def test_best_of_n_is_exact():
    results = np.arange(10, dtype=float)
    assert expected_best(results, 10) == 0.0
    assert expected_best(results, 1) == pytest.approx(4.5)
    pairs = [min(a, b) for a in range(10) for b in range(a + 1, 10)]
    assert expected_best(results, 2) == pytest.approx(np.mean(pairs))


def test_doubling_the_budget_is_predicted_within_a_factor_of_the_truth():
    rng = np.random.default_rng(0)
    said, true = [], []
    for _ in range(200):
        results = np.sort(rng.random(40) ** 0.5)
        said.append(gain_of_doubling(results))
        true.append(results[0] - min(results[0], *(rng.random(40) ** 0.5)))
    assert 0.5 < np.mean(said) / np.mean(true) < 2


def test_a_lone_winner_asks_for_more_trials():
    lonely = searched(LR, lambda p: 0.0 if p["lr"] > 0.08 else 1.0 + p["lr"], 24)
    (verdict,) = sampling_rule(lonely)
    assert (verdict.level, verdict.command) == ("warn", "tunectl set made search.trials=+24")
    (calm,) = sampling_rule(searched(LR, far(-3), 24))
    assert calm.level == "info"
    table = best_of_table(lonely)
    assert table is not None and [row[0] for row in table.rows][-1] == 48


def codes(made):
    return {v.code for v in evenness(made)}


def test_unequal_lengths_and_uneven_reports_are_remarks():
    def at(number, steps):
        steps = np.array(steps, dtype=float)
        made = Curve(steps, 1 / (steps + 1), steps, len(steps))
        return trial(number, [0.1], {"x": 0.5}, curves={"val_loss": made}, last_step=float(steps[-1]))

    even = [at(i, range(10)) for i in range(6)]
    assert codes(study(even)) == set()
    assert codes(study([*even, at(9, range(40))])) == {"length.unequal"}
    by_clock = [0, 1, 2, 9, 11, 12, 30, 31, 33, 40]
    assert codes(study([at(i, by_clock) for i in range(6)])) == {"length.uneven-reports"}
    assert codes(study([at(i, [*range(9), 8.5]) for i in range(6)])) == set()  # only the last one is odd


def test_trials_that_end_where_they_began_are_named_with_the_bound_behind_which_they_lie() -> None:
    space = {**LR, "x": {"type": "float", "low": 0.0, "high": 1.0}}

    def run(point: Point) -> list[float]:
        learns = float(point["lr"]) > 1e-3
        return [2.3 * (0.8**step if learns else 1 - 1e-4 * step) for step in range(12)]

    points = [design_point(parse_space(space), 0, i) for i in range(30)]
    made = study([trial(i + 1, run(p), p) for i, p in enumerate(points)], space)
    (verdict,) = idle_rule(made)
    assert (verdict.level, verdict.code, verdict.about) == ("info", "space.idle", "lr")
    assert verdict.evidence["idle"] == sum(float(p["lr"]) <= 1e-3 for p in points)
    assert 5e-4 < float(verdict.evidence["boundary"]) < 2e-3 and "lr.low=" in verdict.command
    learning = [trial(i + 1, [2.3 * (0.8 + i / 300) ** s for s in range(12)], {"x": i / 30}) for i in range(30)]
    assert list(idle_rule(study(learning))) == []


@pytest.mark.parametrize("more", [{"ordered": False}, {}])
def test_a_list_has_an_end_where_its_numbers_have_an_order(more):
    """The same numbers, falling and named without an order: a list that was asked for as such has no end to widen."""
    space = {"width": {"type": "choice", "values": [512, 256, 128, 64, 32, 16], **more}}
    (*verdicts,) = near_bound(searched({**space, **LR}, lambda p: -p["width"], 32))
    assert [v.evidence["proposed"] for v in verdicts] == ([] if more else [1024])


def test_a_list_that_is_the_whole_space_has_an_end_too():
    """`lr = [1e-5, 1e-4, 3e-4, 1e-3]`, the best beyond: there are no ten points to test, only their order."""

    def named(values, at):
        space = {"lr": {"type": "choice", "values": values, "ordered": True}}
        return list(
            near_bound(study([trial(i, [far(at)({"lr": v})], {"lr": v}) for i, v in enumerate(values, 1)], space))
        )

    (few,) = named([1e-5, 1e-4, 3e-4, 1e-3], -1)
    assert few.level == "info" and few.evidence["bound"] == 1e-3 and few.evidence["p_value"] == pytest.approx(1 / 12)
    assert [v.level for v in named([1e-5, 3e-5, 1e-4, 3e-4, 1e-3], -1)] == ["warn"]
    assert [v.evidence["bound"] for v in named([1e-5, 3e-5, 1e-4, 3e-4, 1e-3], -9)] == [1e-5]
    assert named([1e-5, 1e-4, 3e-4, 1e-3], -4) == [] == named([1e-4, 3e-4, 1e-3], -1)


def test_the_share_of_points_that_the_model_did_not_choose_is_told_with_the_reason():
    def points(*origins):
        return study([trial(i + 1, [1.0], origin=o, why=f"because {i}") for i, o in enumerate(origins)])

    assert list(model_rule(points("sobol", "bayesian", "user"))) == []
    (few,) = model_rule(points(*["bayesian"] * 19, "fallback"))
    assert (few.level, few.evidence["fallbacks"]) == ("info", 1)
    converged = points("bayesian", "fallback", "fallback", "fallback")
    asked = [replace(t, why=f"{CONVERGED}, 5 times" if t.origin == "fallback" else "") for t in converged.trials]
    (done,) = model_rule(replace(converged, trials=tuple(asked)))
    assert done.level == "info" and not done.remedy
    (many,) = model_rule(points("bayesian", "fallback", "fallback", "fallback"))
    assert many.level == "warn"
    assert "3 of 4" in many.what and "because 3" in many.what
