"""Alarms with a known truth: each was once wrong on a study like the one made here."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from benchmarks.judgement.healthy import HEALTHY, SPACE, bowl, study
from benchmarks.judgement.making import Recipe, made
from benchmarks.judgement.planted import PLANTED
from benchmarks.judgement.scales import SCALES
from tests.analyses import made as formula
from tuned.analyses.advise import judge
from tuned.analyses.comparing.compare import compare
from tuned.analyses.model_size import model_size
from tuned.analyses.parameters.isolation import permuted
from tuned.analyses.question import Question
from tuned.analyses.space.bounds import near_bound
from tuned.analyses.space.infeasible import infeasible, infeasible_rule
from tuned.analyses.space.sampling import best_of_table, sampling_rule
from tuned.analyses.stopping import ALARM, LEAST, TOLERATED, Measured, measured, stopping_rule, stopping_table
from tuned.analyses.stories import edit_of
from tuned.analyses.study_data import StudyData
from tuned.analyses.verdict import Verdict
from tuned.core.changes.space import edited
from tuned.core.search.rescue import OFTEN
from tuned.core.study import EarlyStopping

Rule = Callable[[StudyData], Iterable[Verdict]]


def codes(data: StudyData) -> dict[str, Verdict]:
    return {v.code: v for v in judge(data)[0]}


def warned(rule: Rule, recipe: Recipe, studies: int = 100) -> float:
    """In which share of studies of a recipe a rule warns."""
    return sum(any(v.level != "info" for v in rule(made(recipe, 1000 + i))) for i in range(studies)) / studies


@pytest.mark.parametrize("scale", SCALES)
def test_a_net_that_learns_is_not_said_to_learn_nothing_on_any_scale(scale: str) -> None:
    assert "curve.not-learning" not in codes(made(study(scale=SCALES[scale]), 5))


def test_nothing_learned_is_a_failure_where_a_constant_predictor_is_known_and_a_question_elsewhere() -> None:
    still = PLANTED["nothing learned, cross-entropy"].recipe
    known = codes(made(still, 1))["curve.not-learning"]
    assert known.level == "fail" and "ln 10" in known.what
    unknown = codes(made(replace(still, scale=SCALES["negative-nll"]), 1))["curve.not-learning"]
    assert unknown.level == "warn" and "scale of the metric is unknown" in unknown.what


def test_an_extrapolation_keeps_to_the_scale_that_was_reported() -> None:
    for name, top in (("accuracy-percent", 100.0), ("accuracy", 1.0)):
        table = best_of_table(made(study(scale=SCALES[name]), 3))
        assert table is not None
        before, doubled = (float(row[1]) for row in table.rows[-2:])
        assert before <= doubled <= top, name


def test_strong_overfitting_is_no_divergence_while_training_improves() -> None:
    recipe = PLANTED["overfitting beyond its begin"].recipe
    assert infeasible(made(recipe, 2))[1] == ()
    found = codes(made(recipe, 2))
    assert "curve.overfitting" in found and "space.infeasible" not in found and "gradients.warm-up" not in found


def test_without_training_curves_the_words_say_that_divergence_is_not_known() -> None:
    recipe = study(twin=False, settle=0.1, shape=lambda p, s, _: 3.0 * s if float(p["lr"]) > 1e-2 else 0 * s)
    (verdict,) = infeasible_rule(made(recipe, 2))
    assert "may have overfitted" in verdict.what and verdict.level == "warn"


def test_a_single_cut_gives_way_to_two_parameters_that_say_more() -> None:
    (verdict,) = infeasible_rule(made(replace(PLANTED["rate times width fails"].recipe, trials=60), 1))
    assert verdict.about == "lr, width" and "lr times width above" in verdict.what
    assert float(verdict.evidence["p_value"]) < 1e-4


def test_a_difference_of_values_under_pure_noise_is_decided_in_at_most_one_of_twenty() -> None:
    rng = np.random.default_rng(4)
    for sizes in ((12, 12), (24, 8)):
        decided = np.mean([permuted(rng.normal(size=sizes[0]), rng.normal(size=sizes[1])) < 0.05 for _ in range(200)])
        assert decided <= 0.08, sizes  # 5 % and two standard errors of 200
    assert permuted(rng.normal(size=12), rng.normal(size=12) + 3) < 0.01


@pytest.mark.parametrize("kind", ["a list of rates, best beyond its end", "a list of rates, best before its begin"])
def test_a_list_of_numbers_has_ends_and_its_remedy_is_an_edit_that_holds(kind: str) -> None:
    data = made(PLANTED[kind].recipe, 1)
    (verdict,) = [v for v in judge(data)[0] if v.code == "space.near-bound"]
    wider = edited(data.space, edit_of(data, verdict.command.split()[3:]))["lr"].values
    assert wider == ((1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3.33e-3) if "end" in kind else (3.33e-6, *data.space["lr"].values))


def test_words_are_no_list_and_two_numbers_have_no_inside() -> None:
    space = {"kind": ["a", "b", "c"], "bits": [8, 16]}
    assert list(near_bound(formula.searched(space, lambda p: float(p["bits"]), 24))) == []


REPEATED = replace(study(centres={"lr": (0.5, 0.0)}), repeats=4, trials=40, seeds=0.004)
"""Points run four times each, none better than another but for a shift of its own."""


@pytest.mark.parametrize(
    ("rule", "recipe"),
    [
        (near_bound, replace(REPEATED, level=lambda p: 0.1 + 0.05 * float(np.sin(1e4 * p["lr"] + 10 * p["clip"])))),
        (near_bound, HEALTHY["adaptive, duds beside lr"]),
        (sampling_rule, HEALTHY["lists of numbers, noise alone"]),
        (sampling_rule, Recipe(SPACE, lambda p: 0.1 - 0.02 * float(np.log(abs(np.sin(1e5 * p["lr"])) + 1e-9)))),
    ],
    ids=["near-bound of repeated points", "near-bound of duds", "sampling of noise", "sampling of an exponential tail"],
)
def test_a_rule_warns_in_at_most_one_of_twenty_studies_without_its_fault(rule: Rule, recipe: Recipe) -> None:
    assert warned(rule, recipe) <= 0.05


def sized(seed: int, gain: float) -> StudyData:
    """Thirty trials whose loss falls by `gain` over three decades of parameters, and depends on x as well."""
    rng, trials = np.random.default_rng(seed), []
    for i in range(30):
        log_size, x = rng.uniform(3, 6), rng.random()
        loss = 1.0 - gain * (log_size - 3) / 3 + 2 * (x - 0.5) ** 2 + rng.normal(0, 0.02)
        one = formula.trial(i + 1, [loss], {"x": x})
        trials.append(replace(one, curves={**one.curves, "parameters": formula.curve([10**log_size])}))
    return formula.study(trials)


def test_no_gain_is_hardly_said_of_larger_models_that_are_better() -> None:
    said = [any(v.code == "size.no-gain" for v in model_size(sized(seed, 0.3))) for seed in range(60)]
    assert np.mean(said) <= 0.05
    assert np.mean([any(v.code == "size.no-gain" for v in model_size(sized(seed, 0.0))) for seed in range(30)]) > 0.3


@pytest.mark.parametrize("method", ["asha", "median"])
def test_a_rule_that_stops_the_best_is_measured_and_named(method: Any) -> None:
    kind = "halving stops the best" if method == "asha" else "the median rule stops the best"
    data = made(PLANTED[kind].recipe, 3)
    (verdict,) = stopping_rule(data)
    found, table = measured(data), stopping_table(data)
    assert found is not None and table is not None and verdict.evidence["wrong"] == len(found.wrong)
    assert verdict.level == "warn" and f"{found.low:.0%} to {found.high:.0%}" in verdict.what
    assert verdict.command.endswith(" early_stopping.method=none")  # rungs that have judged trials stay as they are
    assert table.rows[0][3] == len(found.wrong)
    # Where early values say little, those that were best at their last rung are no better than others.
    assert "best at their last rung" not in verdict.remedy and "tunectl retry" in verdict.remedy


def test_one_lucky_rescued_trial_is_no_alarm() -> None:
    rule = EarlyStopping("asha", 3, 30, 3)
    data = formula.study([formula.trial(i, [1.0 + i], rescued=i == 1) for i in range(1, 12)])
    data = replace(data, spec=replace(data.spec, early_stopping=rule))
    found = measured(data)
    assert found is not None and found.share == 1.0 and list(stopping_rule(data)) == []
    trials = [replace(t, rescued=t.number in (1, 2, 11)) for t in data.trials]  # two of three, as was seen once
    (verdict,) = stopping_rule(replace(data, trials=tuple(trials)))
    assert verdict.evidence["wrong"] == 2


def test_rescued_trials_that_diverge_were_rightly_to_be_stopped() -> None:
    """Two of three that ended were wrong, but of six that ran on: no alarm."""
    trials = [formula.trial(i, [1.0 + i], rescued=i in (1, 2, 11)) for i in range(1, 12)]
    diverged = [formula.trial(i, [2.0, math.nan], state="failed", failure="nan") for i in (12, 13, 14)]
    trials += [replace(t, values={}, rescued=True) for t in diverged]
    data = formula.study(trials)
    data = replace(data, spec=replace(data.spec, early_stopping=EarlyStopping("asha", 3, 30, 3)))
    found = measured(data)
    assert found is not None and (len(found.wrong), len(found.rescued)) == (2, 6) and list(stopping_rule(data)) == []


def test_a_rule_whose_early_values_tell_the_end_is_no_alarm() -> None:
    """Curves side by side: what ran on ends better than the first trials alone, which pass for want of others."""
    rule = EarlyStopping("asha", 2, 12, 3)
    levels = [3.0, 2.5, *np.linspace(1, 4, 10)]
    trials = [
        formula.trial(i, [level + step / 10 for step in range(6)], rescued=i > 2) for i, level in enumerate(levels, 1)
    ]
    data = formula.study(trials)
    (verdict,) = stopping_rule(replace(data, spec=replace(data.spec, early_stopping=rule)))
    assert verdict.level == "info" and verdict.evidence["correlation"] > 0.9 and not verdict.command
    assert "say little" not in verdict.what


def test_the_rescue_sample_speaks_by_sixty_trials_and_rarely_without_cause() -> None:
    """Forty of sixty trials are stopped; the sample is that of the default."""
    trial, share = formula.trial(1, [1.0]), EarlyStopping().rescue * OFTEN

    def spoken(truth: float) -> float:
        said = [
            binom.pmf(n, 40, share) * binom.pmf(k, n, truth)
            for n in range(LEAST, 41)
            for k in range(n + 1)
            if Measured((trial,) * n, (trial,) * k, 0.0, 1.0).chance < ALARM
        ]
        return float(sum(said))

    assert spoken(TOLERATED) <= 0.05 and spoken(2 / 3) >= 0.85 and spoken(5 / 6) >= 0.95


def test_a_cause_silences_what_follows_from_it() -> None:
    still = codes(made(PLANTED["nothing learned, accuracy"].recipe, 1))
    assert not [code for code in still if code.startswith("length.") or code == "space.near-bound"]
    assert "length.ok" not in codes(made(PLANTED["overfitting"].recipe, 1)), "its end is worse than its best"
    assert "space.sampling" not in codes(formula.study([formula.trial(i, [0.5]) for i in range(1, 31)]))
    linear = {"lr": {"type": "float", "low": 1e-5, "high": 1e-1}}
    found = codes(made(Recipe(linear, bowl(linear, lr=(-0.1, 1.0))), 1))
    assert "space.lr-linear" in found and "space.near-bound" not in found


def test_no_remedy_adds_a_parameter_that_the_code_may_not_know() -> None:
    for kind in ("overfitting", "overfitting, accuracy"):
        found = codes(made(PLANTED[kind].recipe, 1))["curve.overfitting"]
        assert "--add" not in found.command and "training code" in found.remedy


def test_a_command_that_the_study_refuses_is_not_shown() -> None:
    space = {**SPACE, "epochs": {"type": "int", "low": 5, "high": 50}, "late": {
        "type": "float", "low": 0.0, "high": 1.0, "when": {"mode": "b"}}, "mode": ["a", "b"]}  # fmt: skip
    data = made(Recipe(space, bowl(SPACE, lr=(0.5, 1.0))), 1)
    for verdict in judge(data)[0]:
        if verdict.command.startswith("tunectl space"):
            edited(data.space, edit_of(data, verdict.command.split()[3:]))
    over = replace(made(PLANTED["halving stops the best"].recipe, 3))
    rule = replace(over.spec.early_stopping or EarlyStopping(), min_step=10.0)
    over = replace(over, spec=replace(over.spec, early_stopping=rule))
    # Three times 10 is max_step, which set would refuse.
    assert codes(over)["stopping.wrong"].command == "tunectl set made early_stopping.method=none"


def test_a_bound_of_an_ended_study_says_how_it_goes_on() -> None:
    data = made(PLANTED["lr too low"].recipe, 1)
    assert "search.trials=+30" in codes(data)["space.near-bound"].remedy
    assert "search.trials" not in codes(replace(data, state="running"))["space.near-bound"].remedy


def test_an_order_that_carries_over_does_not_stand_beside_a_best_that_does_not() -> None:
    def loss(p: Any, bad: float) -> float:
        return float(10 * p["x"] + bad * (p["x"] < 0.1))

    one = {"x": {"type": "float", "low": 0.0, "high": 1.0}}
    old = replace(formula.searched(one, lambda p: loss(p, 0.0), 32), name="old")
    new = replace(formula.searched(one, lambda p: loss(p, 4.0), 32), name="new")
    found = {v.code: v for v in compare(Question(old, others=(new,))).verdicts}
    assert float(found["compare.correlation"].evidence["rank_correlation"]) > 0.7
    assert (
        found["compare.old-best"].level == "warn" and "the best do not carry over" in found["compare.correlation"].what
    )


def test_a_plateau_is_told_without_the_digits_of_rounding() -> None:
    flat = formula.study([formula.trial(i, [0.3 + 1e-16 * i if i < 20 else 0.3 + i / 10]) for i in range(1, 31)])
    (verdict,) = sampling_rule(flat)
    assert "less than 1%" in verdict.what and "e-" not in verdict.what
