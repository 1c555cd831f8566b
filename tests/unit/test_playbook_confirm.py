from __future__ import annotations

import numpy as np
import pytest

from tuned.analyses.comparing.confirm import Configuration, compare, confirm, decide
from tuned.analyses.comparing.folds import folds, paired
from tuned.analyses.comparing.variance import data_variance, search_variance, seed_variance
from tuned.analyses.intervals import mean_of
from tuned.analyses.question import Question
from tuned.analyses.study_data import Curve, StudyData, TrialData
from tuned.core.errors import InvalidInput
from tuned.core.space import SearchSpace
from tuned.core.study import Objective, RunSpec, SearchSpec, StudySpec


def study(results: dict[int, list[float]], searched: dict[int, float], direction="minimize", **over) -> StudyData:
    trials = [TrialData(n, {}, "completed", {"loss": v}) for n, v in searched.items()]
    number = 100
    for seed in range(max(map(len, results.values()))):
        for of, values in results.items():
            if seed < len(values):
                number += 1
                done = TrialData(
                    number, {}, "completed", {"loss": values[seed]}, seed=seed, stage="confirm", retry_of=of, **over
                )
                trials.append(done)
    spec = StudySpec(
        "s", RunSpec("script"), SearchSpec(trials=9, points=(("baseline", {}),)), SearchSpace(),
        objectives=(Objective("loss", direction),),
    )  # fmt: skip
    return StudyData("s", spec, tuple(trials))


NOISE = [0.0, 0.3, -0.2, 0.1, -0.1]


def test_better_worse_and_open():
    base = [1.0 + n for n in NOISE]
    data = study(
        {
            1: base,
            2: [v - 0.5 + 0.02 * i for i, v in enumerate(base)],
            3: [v + 0.5 - 0.02 * i for i, v in enumerate(base)],
            4: [1.1, 0.7, 1.3, 0.9, 1.0],
        },
        {1: 1.0, 2: 0.4, 3: 0.5, 4: 0.6},
    )
    answer = confirm(Question(data))
    decisions = {c["number"]: c["decision"] for c in answer.figures["configurations"]}
    assert decisions == {1: "baseline", 2: "adopt", 3: "reject", 4: "undecided"}
    assert answer.figures["winner"] == 2
    effect = next(c for c in answer.figures["configurations"] if c["number"] == 2)
    assert effect["effect"] == pytest.approx(0.46) and effect["interval"][0] > 0
    codes = [v.code for v in answer.verdicts]
    assert codes[0] == "confirm.winner" and "confirm.undecided" in codes


def test_pairs_see_what_a_common_noise_hides():
    base = Configuration(1, 1.0, {i: 1.0 + n * 10 for i, n in enumerate(NOISE)})
    better = Configuration(2, 0.9, {i: 0.9 + n * 10 + 0.01 * (i % 2) for i, n in enumerate(NOISE)})
    compared = compare(base, [better], 1.0)
    assert compared[1].decision == "adopt"
    # The same results under seeds of their own could not be told apart.
    apart = Configuration(2, 0.9, {i + 100: v for i, v in better.runs.items()})
    assert compare(base, [apart], 1.0)[1].decision == "undecided"


def test_maximised_results_and_a_named_baseline():
    data = study({1: [0.5, 0.51, 0.49], 2: [0.7, 0.72, 0.69]}, {1: 0.5, 2: 0.7}, "maximize")
    assert confirm(Question(data)).figures["winner"] == 2
    swapped = confirm(Question(data, {"against": "2"}))
    assert swapped.figures["winner"] == 2 and swapped.figures["configurations"][1]["decision"] == "reject"
    with pytest.raises(InvalidInput, match="was not repeated"):
        confirm(Question(data, {"against": "9"}))


def test_nothing_is_confirmed_by_nothing():
    with pytest.raises(InvalidInput, match="no repetition has ended"):
        confirm(Question(study({1: []} | {2: []}, {1: 1.0, 2: 0.5})))
    assert decide(mean_of([1.0])) == "undecided"
    one = confirm(Question(study({1: [1.0], 2: [0.1]}, {1: 1.0, 2: 0.1})))
    assert one.figures["winner"] == 1  # one run each proves nothing: what is in use stays


def test_luck_is_told():
    data = study({1: [1.0, 1.05, 0.95, 1.0], 2: [0.8, 0.82, 0.78, 0.81]}, {1: 1.0, 2: 0.3})
    luck = [v for v in confirm(Question(data)).verdicts if v.code == "confirm.luck"]
    assert luck and luck[0].trials == (2,)


def test_the_interval_covers_as_often_as_it_says():
    draw = np.random.default_rng(0)
    wrong = 0
    for _ in range(400):
        noise = draw.normal(size=5)
        base = Configuration(1, 0.0, dict(enumerate(noise)))
        others = [Configuration(n, 0.0, dict(enumerate(noise + draw.normal(size=5)))) for n in (2, 3, 4)]
        wrong += any(c.decision != "undecided" for c in compare(base, others, 1.0)[1:])
    assert wrong / 400 < 0.08


def search_share(noise: float) -> float:
    """The search's share of the variance, by its estimate, where noise is so large beside a bowl's levels.

    With a noise of 0.4 the winners' true levels vary over 36 % of the variance (1,500 simulated searches of 12 trials).
    """
    draw = np.random.default_rng(2)
    found = []
    for _ in range(40):
        levels = ((draw.random((12, 2)) - 0.5) ** 2).sum(axis=1)
        seeds = (noise * 0.105) ** 2
        spread = search_variance(levels + seeds**0.5 * draw.normal(size=12), seeds, maximize=False)
        assert spread is not None
        found.append(spread / (spread + seeds))
    return float(np.median(found))


def test_variances_are_told_apart():
    draw = np.random.default_rng(1)
    groups = [m + draw.normal(scale=0.1, size=200) for m in (0.0, 1.0, 5.0)]
    assert seed_variance(groups) == pytest.approx(0.01, rel=0.2)
    assert seed_variance([np.array([1.0])]) is None
    spread = search_variance(draw.normal(size=50), 0.0, maximize=False)
    assert spread is not None and spread > 0 and search_variance(np.zeros(50), 0.1, maximize=True) == 0.0
    assert search_variance(np.zeros(3), None, maximize=True) is None
    assert search_share(0.4) == pytest.approx(0.36, abs=0.15) and search_share(0.05) > 0.8
    assert data_variance([np.array([1.0, 2.0, 3.0])]) == pytest.approx(1 / 3)
    steps, values = np.arange(1.0, 4.0), np.array([1.0, 2.0, 3.0])
    curves = {"folds/loss": Curve(steps, values, steps, 3)}
    data = study({1: [1.0, 1.1], 2: [0.9, 1.2]}, {1: 1.0, 2: 0.9}, curves=curves)
    assert confirm(Question(data)).figures["variance"]["data"] == pytest.approx(1 / 3)


def test_trials_are_compared_on_the_folds_they_share():
    def with_folds(number: int, values: list[float]) -> TrialData:
        steps = np.arange(1.0, len(values) + 1)
        curves = {"folds/loss": Curve(steps, np.array(values), steps, len(values))}
        return TrialData(number, {}, "completed", {"loss": float(np.mean(values))}, curves=curves)

    hard = [0.1, 0.9, 0.3, 0.5, 0.2]
    worse = [v + 0.1 + 0.01 * (i % 2) for i, v in enumerate(hard)]
    near = [v + d for v, d in zip(hard, (0.02, -0.01, 0.02, -0.02, 0.01), strict=True)]
    data = study({1: [1.0]}, {1: 1.0})
    trials = (with_folds(1, hard), with_folds(2, worse), with_folds(3, near), TrialData(4, {}, "completed", {}))
    found = folds(Question(StudyData("s", data.spec, trials)))
    words = {row[0]: row[-1] for row in found.tables[0].rows}
    assert words == {1: "compared with", 2: "worse", 3: "undecided"}
    # The correction widens the interval: five folds are not five independent tests.
    own, other = dict(enumerate(worse)), dict(enumerate(hard))
    assert paired(own, other, 1.0, 5).sem > 1.4 * mean_of([a - b for a, b in zip(worse, hard, strict=True)]).sem
    with pytest.raises(InvalidInput, match="no trial has reported folds"):
        folds(Question(data))
