from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tuned.analyses.comparing.baseline import baseline_and_best
from tuned.analyses.comparing.confirm import confirm
from tuned.analyses.comparing.folds import folds, paired
from tuned.analyses.comparing.luck import honest
from tuned.analyses.comparing.pair import pair
from tuned.analyses.comparing.repeated import (
    Configuration,
    chosen,
    compare,
    decide,
    pooled_variance,
    resolution,
    spent,
    still_open,
)
from tuned.analyses.comparing.repetitions import equal_rule
from tuned.analyses.comparing.variance import data_variance, search_variance, seed_variance
from tuned.analyses.intervals import mean_of
from tuned.analyses.question import Question
from tuned.analyses.study_data import Curve, StudyData, TrialData
from tuned.core.errors import InvalidInput
from tuned.core.space import SearchSpace
from tuned.core.study import Objective, RunSpec, SearchSpec, StudySpec


def study(results: dict[int, list[float]], searched: dict[int, float], direction="minimize", **over) -> StudyData:
    trials = [
        TrialData(n, {}, "completed", {"loss": v}, origin="user" if n == 1 else "sobol") for n, v in searched.items()
    ]
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
    # One run each proves nothing: the better mean is used, and neither adopted nor confirmed.
    assert (one.figures["winner"], one.figures["outcome"]) == (2, "undecided")
    assert "not adopted" in one.verdicts[0].what and "confirmed" not in one.verdicts[0].what


def test_what_tuning_has_brought_is_told_by_the_repetitions_of_both():
    noise = [0.5, 0.47, 0.53, 0.51]
    lucky = study({1: noise, 2: [0.49, 0.52, 0.5, 0.48]}, {1: 0.5, 2: 0.3})
    (told,) = baseline_and_best(lucky).verdicts
    assert told.what.startswith("It is not shown that tuning has brought anything") and "0.4975 (trial 2)" in told.what
    (told,) = baseline_and_best(study({1: noise, 2: [v - 0.2 for v in noise]}, {1: 0.5, 2: 0.3})).verdicts
    assert told.what.startswith("Tuning has brought") and "0.3025 (trial 2): better by 0.2" in told.what
    assert "that both ran with" not in told.what
    longer = [*noise, 0.9, 0.9]
    (told,) = baseline_and_best(study({1: longer, 2: [v - 0.2 for v in noise]}, {1: 0.5, 2: 0.3})).verdicts
    assert told.what.endswith("over the seeds that both ran with."), "the means of all seeds differ by more"
    (told,) = baseline_and_best(study({1: [0.5] * 3, 2: [0.3] * 3}, {1: 0.5, 2: 0.3})).verdicts
    assert "the seed does not reach the code" in told.remedy


def test_luck_is_told():
    data = study({1: [1.0, 1.05, 0.95, 1.0], 2: [0.8, 0.82, 0.78, 0.81]}, {1: 1.0, 2: 0.3})
    luck = [v for v in confirm(Question(data)).verdicts if v.code == "confirm.luck"]
    assert luck and luck[0].trials == (2,)


def rounds(draw, means, deviations, most=20, first=5, looks=()):
    """A confirmation, round by round, as the daemon runs it: the configurations compared, and all decisions."""
    noise = draw.normal(size=most)
    runs = [[m + s * draw.normal() + n for n in noise] for m, s in zip(means, deviations, strict=True)]
    have, tried, looks = [first] * len(means), first, list(looks)
    while True:
        found = [Configuration(i, 0.0, dict(enumerate(r[:n]))) for i, (r, n) in enumerate(zip(runs, have, strict=True))]
        compared = compare(found[0], found[1:], 1.0, looks)
        looks.append(tried)
        more = still_open(compared, 1.0)
        if not more or tried >= most:
            return compared
        tried = min(most, 2 * tried)
        have = [tried if i == 0 or i in more else n for i, n in enumerate(have)]


@pytest.mark.parametrize(
    ("deviations", "seed"), [((1, 1, 1, 1), 0), ((3, 1, 1, 1), 1), ((1, 3, 1, 1), 2), ((1, 1), 3)], ids=str
)
def test_where_nothing_differs_any_decision_over_all_rounds_is_rare(deviations, seed):
    draw, studies = np.random.default_rng(seed), 300
    wrong = sum(
        any(c.decision in ("adopt", "reject") for c in rounds(draw, [0.0] * len(deviations), deviations))
        for _ in range(studies)
    )
    # At most 5 %, and 2.5 standard errors of this many studies.
    assert wrong / studies <= 0.05 + 2.5 * (0.05 * 0.95 / studies) ** 0.5


def test_ten_rounds_by_hand_are_no_more_wrong_than_one():
    draw, wrong = np.random.default_rng(7), 0
    for _ in range(150):
        base, other = draw.normal(size=50), draw.normal(size=50)
        looks: list[int] = []
        for tried in range(5, 51, 5):
            runs = [dict(enumerate(values[:tried])) for values in (base, other)]
            compared = compare(Configuration(1, 0.0, runs[0]), [Configuration(2, 0.0, runs[1])], 1.0, looks)
            looks.append(tried)
            if compared[1].decision != "undecided":
                wrong += 1
                break
    assert wrong / 150 <= 0.05 + 2.5 * (0.05 * 0.95 / 150) ** 0.5
    assert sum(spent(look) for look in range(1, 100_000)) == pytest.approx(0.05, abs=1e-4)


def test_a_better_candidate_is_adopted_more_often_than_by_five_seeds_alone():
    draw, adopted = np.random.default_rng(3), 0
    for _ in range(100):
        compared = rounds(draw, [0.0, -2.0, 0.0, 0.0], [1.0] * 4)
        adopted += chosen(compared, 1.0).configuration.number == 1 and compared[1].decision == "adopt"
    # Two deviations of a seed: 39 of 100 by five seeds and the intervals of each candidate's own variance.
    assert adopted >= 90


def test_a_decision_stays_when_others_go_on():
    base = {seed: float(seed % 3) for seed in range(10)}
    near = Configuration(3, 0.0, {seed: value - 0.1 for seed, value in base.items()})
    good = Configuration(2, 0.0, {seed: base[seed] - 2.0 - 0.1 * (seed % 2) for seed in range(5)})
    first = compare(Configuration(1, 0.0, {s: base[s] for s in range(5)}), [good], 1.0)
    later = compare(Configuration(1, 0.0, base), [good, near], 1.0, [5])
    assert first[1].decision == later[1].decision == "adopt"


def test_repetitions_that_are_equal_to_the_last_digit_confirm_nothing():
    data = study({1: [0.5] * 3, 2: [0.3] * 3}, {1: 0.5, 2: 0.3})
    answer = confirm(Question(data))
    told = {v.code: v for v in answer.verdicts}
    assert [c["decision"] for c in answer.figures["configurations"]] == ["baseline", "undecided"]
    assert [c["sem"] for c in answer.figures["configurations"]] == [None, None]
    assert answer.figures["outcome"] == "undecided" and "the seed does not reach" in answer.figures["why"]
    assert answer.figures["open"] == [] and answer.figures["variance"]["seed"] is None
    assert [v.code for v in equal_rule(data)] == ["confirm.same"] and "confirm.undecided" not in told
    assert honest(data).how == "3 further seeds gave the same result" and honest(data).low is None
    assert "the seed does not reach the code" in told["confirm.same"].what and "{seed}" in told["confirm.same"].remedy
    assert "is confirmed" not in told["confirm.winner"].what
    rounded = confirm(Question(study({1: [0.1] * 3, 2: [0.1 + 0.2] * 3}, {1: 0.1, 2: 0.1 + 0.2})))
    assert "confirm.luck" not in {v.code for v in rounded.verdicts}, "a mean is rounded, that is no luck"
    told = {v.code for v in confirm(Question(study({1: [0.5, 0.6], 2: [0.25] * 2}, {1: 0.5, 2: 0.25}))).verdicts}
    assert "confirm.same" not in told


def test_a_configuration_that_is_the_baseline_under_every_seed_gets_no_further_seeds():
    noise = [0.5, 0.47, 0.53]
    answer = confirm(Question(study({1: noise, 2: list(noise)}, {1: 0.5, 2: 0.44})))
    told = {v.code: v for v in answer.verdicts}
    assert "confirm.undecided" not in told and "differ in nothing that counts" in told["confirm.equal"].what
    assert answer.figures["open"] == [] and answer.figures["outcome"] == "baseline"


def test_two_seeds_with_equal_differences_prove_nothing():
    base = Configuration(1, 0.9, {0: 0.90, 1: 0.91})
    other = Configuration(2, 0.9, {0: 0.91, 1: 0.92})
    step = resolution([0.90, 0.91, 0.92])
    assert step == pytest.approx(0.01)
    effect = compare(base, [other], -1.0, step=step)[1]
    assert effect.decision == "undecided"
    assert effect.effect is not None and effect.effect.high - effect.effect.low > 0.02
    # More configurations say more about the noise than two runs of one.
    groups = [
        Configuration(n, 0.0, {seed: 0.1 * n + 0.2 * seed + 0.01 * ((n + seed) % 2) for seed in (0, 1)})
        for n in range(4)
    ]
    variance, freedom = pooled_variance(groups)
    assert freedom == 3 and variance == pytest.approx(8 * 0.005**2 / 3)


@pytest.mark.parametrize("size", [1e200, 1e-200])
def test_results_whose_squares_are_no_floats_are_compared_as_any_others(size: float) -> None:
    draw = np.random.default_rng(3)
    runs = [{seed: level + 0.1 * draw.normal() for seed in range(5)} for level in (1.0, 0.4, 0.95)]
    plain = [Configuration(i, 0.0, r) for i, r in enumerate(runs)]
    scaled = [replace(c, runs={seed: size * value for seed, value in c.runs.items()}) for c in plain]
    for one, other in zip(compare(plain[0], plain[1:], 1.0), compare(scaled[0], scaled[1:], 1.0), strict=True):
        assert (other.decision, other.configuration.runs) == (one.decision, scaled[one.configuration.number].runs)
        if one.effect is not None and other.effect is not None:
            assert other.effect.interval == pytest.approx([size * end for end in one.effect.interval], rel=1e-9, abs=0)


def with_failures(data: StudyData, of: int, count: int, failure: str = "error") -> StudyData:
    extra = tuple(
        TrialData(500 + i, {}, "failed", {}, failure=failure, reason="exit code 1: Boom", seed=90 + i, stage="confirm",
                  retry_of=of)
        for i in range(count)
    )  # fmt: skip
    return StudyData("s", data.spec, (*data.trials, *extra))


def test_a_candidate_that_fails_is_not_adopted_and_the_table_says_so():
    base = [1.0, 1.02, 0.98, 1.01, 0.99]
    data = study({1: base, 2: [0.1, 0.12, 0.11]}, {1: 1.0, 2: 0.1})
    assert confirm(Question(data)).figures["outcome"] == "adopted"
    answer = confirm(Question(with_failures(data, 2, 2)))
    assert (answer.figures["winner"], answer.figures["outcome"]) == (1, "baseline")
    row = next(row for row in answer.tables[0].rows if row[0] == 2)
    assert row[3:5] == (3, 2) and row[1] == "reject"
    (fails,) = [v for v in answer.verdicts if v.code == "confirm.fails"]
    assert "2 of 5" in fails.what and "Boom" in fails.what
    # The machine's own failures are not the configuration's.
    assert confirm(Question(with_failures(data, 2, 2, "lost"))).figures["outcome"] == "adopted"


def test_a_baseline_without_a_result_loses():
    data = with_failures(study({2: [0.5, 0.52, 0.51], 3: [0.6, 0.61, 0.62]}, {1: float("nan"), 2: 0.5, 3: 0.6}), 1, 3)
    answer = confirm(Question(data, {"against": "1"}))
    assert (answer.figures["winner"], answer.figures["outcome"]) == (2, "adopted")
    assert "trial 1 gave no result in 3 repetitions (exit code 1: Boom)" in answer.verdicts[0].what
    nothing = StudyData("s", data.spec, tuple(t for t in data.trials if t.stage != "confirm" or t.state == "failed"))
    with pytest.raises(InvalidInput, match=r"none of 3 repetitions gave a result.*Boom"):
        confirm(Question(nothing))


def test_an_undecided_final_is_the_better_mean_and_called_so():
    data = study({1: [1.0, 0.6, 1.4, 1.1, 0.9], 2: [0.5, 0.9, 0.7, 1.2, 0.6]}, {1: 1.0, 2: 0.3})
    answer = confirm(Question(data))
    assert (answer.figures["winner"], answer.figures["outcome"], answer.figures["open"]) == (2, "undecided", [2])
    assert answer.figures["why"].startswith("undecided: better than trial 1 by 0.22")


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
    # Cut after its easiest folds, with the best mean of all; on the folds that both have it is the worse one.
    easy = replace(with_folds(5, [0.15, 0.95, 0.36]), state="pruned", stopped_by="folds", values={"loss": 0.01})
    found = folds(Question(StudyData("s", data.spec, (*trials, easy))))
    words = {row[0]: row[1] for row in found.tables[0].rows}
    assert words == {1: "compared with", 2: "worse", 3: "undecided", 5: "worse"}
    # The correction widens the interval: five folds are not five independent tests.
    own, other = dict(enumerate(worse)), dict(enumerate(hard))
    assert paired(own, other, 1.0, 5).sem > 1.4 * mean_of([a - b for a, b in zip(worse, hard, strict=True)]).sem
    with pytest.raises(InvalidInput, match="no trial has reported folds"):
        folds(Question(data))


def other_study(name: str, values: list[float], direction: str = "minimize") -> StudyData:
    """A study of one point that ran with seeds of its own."""
    first, *rest = values
    trials = [TrialData(1, {"x": 1}, "completed", {"loss": first}, origin="user", seed=ord(name))]
    trials += [
        TrialData(2 + i, {"x": 1}, "completed", {"loss": v}, seed=1000 * ord(name) + i) for i, v in enumerate(rest)
    ]
    spec = replace(study({1: [1.0]}, {1: 1.0}, direction).spec, name=name)
    return StudyData(name, spec, tuple(trials))


@pytest.mark.parametrize(("candidate", "decision"), [(2, "adopt"), (3, "reject"), (4, "undecided"), (5, "undecided")])
def test_two_trials_of_a_study_are_judged_by_their_repetitions(candidate, decision):
    base = [1.0 + n for n in NOISE]
    shifted = {2: [v - 0.5 + 0.02 * i for i, v in enumerate(base)], 3: [v + 0.5 - 0.02 * i for i, v in enumerate(base)]}
    searched = {1: 1.0, 2: 0.4, 3: 0.5, 4: 0.6, 5: 0.01}  # trial 5 ran once, and was lucky
    data = study({1: base, **shifted, 4: [1.1, 0.7, 1.3, 0.9, 1.0]}, searched)
    figures = pair(Question(data, {"baseline": "1", "candidate": str(candidate)})).figures
    assert figures["decision"] == decision
    assert bool(figures["next"]) == (decision == "undecided")
    if candidate != 5:
        low, high = figures["interval"]
        assert low <= figures["better_by"] <= high and figures["paired"]
        assert (low > 0, high < 0) == (decision == "adopt", decision == "reject")
        assert figures["candidate"]["runs"] == 5, "the run that the search chose it by does not count"
    else:
        assert figures["interval"] is None and "one run" in figures["why"]


def test_trials_of_two_studies_are_judged_without_common_seeds():
    worse, better = other_study("a", [1.0, 1.1, 0.9, 1.05]), other_study("b", [0.5, 0.6, 0.45, 0.55])
    figures = pair(Question(worse, {}, (better,))).figures
    assert (figures["decision"], figures["paired"], figures["baseline"]["runs"]) == ("adopt", False, 3)
    assert pair(Question(better, {}, (worse,))).figures["decision"] == "reject"
    noisy = other_study("c", [1.4, 0.2, 1.3, 0.3])
    open_ = pair(Question(worse, {}, (noisy,))).figures
    assert open_["decision"] == "undecided" and open_["next"] == "tunectl enqueue c --like c/2 --seeds 5"
    with pytest.raises(InvalidInput, match="d to maximize loss"):
        pair(Question(worse, {}, (other_study("d", [1.0, 1.1], "maximize"),)))
    with pytest.raises(InvalidInput, match="the same trial"):
        pair(Question(worse, {}))


def test_a_winner_by_the_first_objective_tells_what_it_costs_in_the_others():
    data = study({1: [0.5, 0.51, 0.49], 2: [0.2, 0.22, 0.19]}, {1: 0.5, 2: 0.2})
    cost = {1: 0.1, 2: 0.85, None: 0.0}
    trials = tuple(replace(t, values={**t.values, "cost": cost[t.retry_of or t.number]}) for t in data.trials)
    objectives = (*data.spec.objectives, Objective("cost", "minimize"))
    both = replace(data, trials=trials, spec=replace(data.spec, objectives=objectives))
    answer = confirm(Question(both))
    (traded,) = [v for v in answer.verdicts if v.code == "confirm.traded"]
    assert traded.level == "warn" and "by loss alone" in traded.what and "cost 0.85 in place of 0.1" in traded.what
    assert " in loss (" in answer.figures["why"] and "confirm.traded" not in [
        v.code for v in confirm(Question(data)).verdicts
    ]
    assert [row[0] for row in baseline_and_best(both).tables[0].rows][:2] == ["loss", "cost"]


def failing(data: StudyData, of: int, count: int, failure: str) -> StudyData:
    broken = [
        TrialData(900 + i, {}, "failed", {}, failure=failure, reason="no", seed=50 + i, stage="confirm", retry_of=of)
        for i in range(count)
    ]
    return replace(data, trials=(*data.trials, *broken))


def test_the_baseline_stays_because_better_ones_fail_and_that_is_said():
    data = study({1: [0.5, 0.51, 0.49], 2: [0.2, 0.22, 0.19]}, {1: 0.5, 2: 0.2})
    answer = confirm(Question(failing(data, 2, 2, "error")))
    assert answer.figures["why"] == "repetitions fail of trial 2 in 2 of 5"
    assert answer.tables[0].rows[1][9] is None, "no interval is no infinite one"
    assert honest(failing(data, 2, 2, "error")).how.startswith("2 of 5 further seeds failed; mean of the others 0.20")
    # A card that stopped answering says nothing of the configuration.
    assert confirm(Question(failing(data, 2, 2, "device"))).figures["outcome"] == "adopted"


def test_runs_that_were_queued_by_hand_are_repetitions_of_the_best_too():
    data = study({1: [0.5]}, {1: 0.5, 2: 0.2})
    apart = tuple(replace(t, params={"x": float(t.retry_of or t.number)}) for t in data.trials)
    again = [TrialData(200 + i, {"x": 2.0}, "completed", {"loss": 0.3 + i}, seed=70 + i, retry_of=2) for i in range(2)]
    found = honest(replace(data, trials=(*apart, *again)))
    assert found.runs == 2 and found.value == pytest.approx(0.8)


def test_an_interval_of_a_share_stays_within_its_scale():
    data = study({1: [0.8, 0.9], 2: [0.85, 0.95]}, {1: 0.6, 2: 0.9}, "maximize")
    named = replace(data, spec=replace(data.spec, objectives=(Objective("accuracy", "maximize"),)))
    found = honest(replace(named, trials=tuple(replace(t, values={"accuracy": t.values["loss"]}) for t in data.trials)))
    assert 0 <= found.low < found.value < found.high <= 1
