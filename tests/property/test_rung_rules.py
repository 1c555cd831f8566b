"""The rules of early stopping on their own: ladders, cutoffs that follow, verdicts that do not depend on batches."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuned.core.search.rescue import FIRST, drawn_for_rescue
from tuned.core.search.rungs import (
    LEAST_PEERS,
    Entry,
    Ruling,
    Standing,
    Streak,
    explain,
    follow_streak,
    judge,
    next_crossing,
    passing,
    rung_step,
    score_of,
    shift,
    to_finish,
)
from tuned.core.study import EarlyStopping, Objective

RULES = st.builds(
    EarlyStopping,
    method=st.sampled_from(["asha", "median", "i-epoch"]),
    min_step=st.sampled_from([0.5, 1.0, 3.0]),
    max_step=st.sampled_from([None, 20.0, 81.0]),
    reduction_factor=st.integers(2, 5),
    rescue=st.just(0.0),
)
SCORES = st.lists(st.floats(-5, 5) | st.just(math.inf), min_size=1, max_size=40)


def add(rule: EarlyStopping, standing: Standing, entries: list[Entry], new: Entry) -> Standing:
    """What the database does with its indexes, with a sorted list."""
    cut = standing.cutoff
    match shift(rule, standing, new):
        case "back":
            assert cut is not None
            cut = max(entry for entry in [*entries, new] if entry < cut)
        case "forward":
            cut = min(entry for entry in [*entries, new] if cut is None or entry > cut)
    return Standing(standing.peers + 1, cut)


@given(RULES, SCORES)
def test_the_cutoff_follows_the_sorted_entries(rule: EarlyStopping, scores: list[float]) -> None:
    standing, entries = Standing(), []
    for number, score in enumerate(scores, 1):
        standing = add(rule, standing, entries, (score, number))
        entries.append((score, number))
        k = passing(rule, len(entries))
        assert standing.peers == len(entries)
        assert standing.cutoff == (sorted(entries)[k - 1] if k else None)


@given(RULES, SCORES)
def test_what_passes_only_grows_with_worse_ones(rule: EarlyStopping, scores: list[float]) -> None:
    """More data that is worse never takes back that a trial passes."""
    standing, entries = Standing(), []
    for number, score in enumerate(scores, 1):
        standing = add(rule, standing, entries, (score, number))
        entries.append((score, number))
    through = {e for e in entries if standing.cutoff is not None and e <= standing.cutoff}
    worse = (math.inf, 10_000)
    later = add(rule, standing, entries, worse)
    assert through <= {e for e in entries if later.cutoff is not None and e <= later.cutoff}


@given(RULES, st.lists(st.integers(0, 200), min_size=1, max_size=60, unique=True).map(sorted), st.data())
def test_crossings_do_not_depend_on_batches(rule: EarlyStopping, steps: list[int], data: st.DataObject) -> None:
    def crossed(batches: list[list[int]]) -> list[tuple[int, float]]:
        last, found = -1, []
        for batch in batches:
            rest = batch
            while (crossing := next_crossing(rule, last, rest)) is not None:
                last = crossing[0]
                found.append(crossing)
                rest = rest[rest.index(int(crossing[1])) :]
        return found

    cuts = sorted(data.draw(st.sets(st.integers(0, len(steps)))))
    batches = [steps[a:b] for a, b in zip([0, *cuts], [*cuts, len(steps)], strict=True)]
    assert crossed(batches) == crossed([[step] for step in steps]) == crossed([steps])


@given(RULES, st.integers(0, 30))
def test_rungs_rise_and_end_before_the_last_step(rule: EarlyStopping, rung: int) -> None:
    step, following = rung_step(rule, rung), rung_step(rule, rung + 1)
    if step is None:
        assert following is None
    else:
        assert following is None or following > step
        assert rule.max_step is None or step < rule.max_step


@given(st.floats(-1, 1), st.integers(0, 50), st.booleans(), st.booleans())
def test_only_asha_pauses_and_only_what_can_go_on(score: float, peers: int, resumable: bool, rescue: bool) -> None:
    cut = (0.0, 7) if peers >= 3 else None
    verdict = judge(EarlyStopping(), (score, 9), Standing(peers, cut), resumable, rescue)
    passes = cut is not None and (score, 9) <= cut
    if passes:
        assert verdict is Ruling.CONTINUED
    elif resumable:
        assert verdict is Ruling.PAUSED
    elif peers < 3:
        assert verdict is Ruling.CONTINUED
    else:
        assert verdict is (Ruling.RESCUED if rescue else Ruling.PRUNED)


def test_the_median_rule_waits_for_finished_trials() -> None:
    rule = EarlyStopping("median")
    bad = (9.0, 1)
    assert judge(rule, bad, Standing(LEAST_PEERS - 1, (1.0, 2)), True, False) is Ruling.CONTINUED
    assert judge(rule, bad, Standing(LEAST_PEERS, (1.0, 2)), True, False) is Ruling.PRUNED
    assert judge(rule, (1.0, 1), Standing(LEAST_PEERS, (1.0, 2)), True, False) is Ruling.CONTINUED


def test_a_leap_over_rungs_counts_for_the_highest() -> None:
    assert next_crossing(EarlyStopping(), -1, [0, 10, 30]) == (2, 10)
    assert next_crossing(EarlyStopping(max_step=9), -1, [10]) == (1, 10)
    assert next_crossing(EarlyStopping("none", patience=3), -1, [10]) is None
    assert next_crossing(EarlyStopping("i-epoch", min_step=2), -1, [1, 30]) == (0, 30)
    assert next_crossing(EarlyStopping("i-epoch", min_step=2), 0, [60]) is None


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=40), st.integers(1, 5), st.floats(0, 1))
def test_patience_counts_steps_since_the_last_improvement(values: list[float], patience: int, delta: float) -> None:
    rule = EarlyStopping("none", patience=patience, min_delta=delta)
    streak, best, best_at = None, math.inf, 0
    for step, value in enumerate(values):
        streak, out = follow_streak(rule, streak, value, step)
        if step == 0 or value < best - delta:
            best, best_at = value, step
        assert streak == Streak(best, best_at)
        assert out == (step - best_at >= patience)
        if out:
            break


def test_nothing_finite_is_the_worst_score() -> None:
    up, down = Objective("a", "maximize"), Objective("a", "minimize")
    assert score_of(up, 3.0) == -3.0
    assert score_of(up, math.inf) == score_of(down, -math.inf) == score_of(down, math.nan) == math.inf


def test_the_rescue_sample_has_its_share_and_stays() -> None:
    rule = EarlyStopping(rescue=0.05)
    drawn = [n for n in range(FIRST + 1, 4001) if drawn_for_rescue(rule, 3, n)]
    assert 140 <= len(drawn) <= 260
    assert drawn == [n for n in range(FIRST + 1, 4001) if drawn_for_rescue(rule, 3, n)]
    early = [drawn_for_rescue(rule, seed, n) for seed in range(60) for n in range(1, FIRST + 1)]
    assert 0.13 <= sum(early) / len(early) <= 0.17
    assert not any(drawn_for_rescue(EarlyStopping(rescue=0.0), 3, n) for n in range(100))


def test_the_best_waiting_trial_finishes_unless_something_better_has() -> None:
    rule = EarlyStopping(rescue=0.0)
    waiting = [(11, 1, 0.5), (12, 2, 0.2), (13, 3, 0.9)]
    assert to_finish(rule, 0, waiting, None) == [(12, Ruling.FINISHING)]
    assert to_finish(rule, 0, waiting, 0.3) == [(12, Ruling.FINISHING)]
    assert to_finish(rule, 0, waiting, 0.1) == []
    everyone = to_finish(EarlyStopping(rescue=1.0), 0, waiting, 0.1)
    assert everyone == [(12, Ruling.RESCUED), (11, Ruling.RESCUED), (13, Ruling.RESCUED)]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.integers(1, 4), st.booleans())
def test_the_best_after_i_epochs_run_to_their_end_however_they_came(
    scores: list[float], keep: int, resumable: bool
) -> None:
    """They wait for the others where they can go on later; where they cannot, they have gone on at once."""
    rule, standing, entries = EarlyStopping("i-epoch", keep=keep, rescue=0.0), Standing(), []
    waiting, gone_on = [], []
    for number, score in enumerate(scores, 1):
        standing = add(rule, standing, entries, (score, number))
        entries.append((score, number))
        verdict = judge(rule, (score, number), standing, resumable, False, gathering=True)
        assert verdict in ((Ruling.PAUSED,) if resumable else (Ruling.CONTINUED, Ruling.PRUNED))
        if verdict is Ruling.PAUSED:
            waiting.append((number, number, score))
        elif verdict is Ruling.CONTINUED:
            gone_on.append(number)
    finished = [trial_id for trial_id, _ in to_finish(rule, 0, waiting, 0.0, standing.cutoff)]
    best = [number for _, number in sorted(entries)[:keep]]
    assert finished == best if resumable else set(best) <= set(gone_on)


@pytest.mark.parametrize("verdict", list(Ruling))
def test_every_verdict_has_its_sentence(verdict: Ruling) -> None:
    from tuned.core.search.rungs import Decision

    text = explain(Decision(1, 3.0, 0.5, 9, 3, 0.25, verdict, 0.0), "loss")
    assert text.startswith("loss 0.5 at step 3: ") and "\n" not in text
