from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import pytest

from tuned.core.cards.shares import ALONE, wanted_by
from tuned.core.states import LIVE, Failure, StopReason, TrialState
from tuned.core.study import Objective, RunSpec, SearchSpec, StudySpec
from tuned.core.trials.endings import (
    RESUME,
    Fate,
    Resumption,
    alone_next,
    as_asked,
    breaker_verdict,
    canary_verdict,
    check_result,
    from_copy,
    judge,
    keeps_result,
    never_began,
    side_verdict,
    with_retry,
)
from tuned.core.trials.trial import Outcome, Trial

RUN = RunSpec("command", command=("true",))
SPEC = StudySpec("s", RUN, SearchSpec(), objectives=(Objective("loss", "minimize"), Objective("size", "minimize")))
PLAIN = StudySpec("s", RUN, SearchSpec())
LOCKS = ("held", "started", "revoked", "absent")


@pytest.mark.parametrize(
    ("state", "has_exit", "lock", "verdict"),
    [
        ("starting", False, "held", Fate.WAIT),
        ("running", False, "held", Fate.WAIT),
        ("starting", False, "started", Fate.VANISHED),
        ("running", False, "started", Fate.VANISHED),
        ("starting", False, "revoked", Fate.UNCLAIM),
        ("starting", False, "absent", Fate.UNCLAIM),
        ("running", False, "revoked", Fate.VANISHED),
        ("running", False, "absent", Fate.VANISHED),
    ],
)
def test_what_row_and_folder_mean_together(state, has_exit, lock, verdict):
    assert judge(TrialState(state), has_exit, lock) is verdict


def test_an_exit_record_ends_an_attempt_whoever_holds_its_lock():
    for state, lock in product(LIVE, LOCKS):
        assert judge(state, True, lock) is Fate.ENDED


def test_only_an_exit_record_is_an_end():
    for state, lock in product(LIVE, LOCKS):
        assert judge(state, False, lock) is not Fate.ENDED


def test_a_clean_exit_needs_every_objective():
    ok = Outcome("exit_ok")
    assert check_result(ok, SPEC, {"loss": 1.0, "size": 2.0}) == ok
    missing = check_result(ok, SPEC, {"loss": 1.0})
    assert (missing.event, missing.failure) == ("exit_error", Failure.ERROR)
    assert "size" in missing.reason
    assert check_result(ok, PLAIN, {}) == ok


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_diverged_objective_is_a_failure_of_its_own_class(value):
    outcome = check_result(Outcome("exit_ok"), SPEC, {"loss": value, "size": 2.0})
    assert (outcome.event, outcome.failure) == ("exit_error", Failure.NAN)


@pytest.mark.parametrize("event", ["exit_error", "exit_pruned", "exit_cancelled", "exit_paused", "vanished"])
def test_other_ends_are_not_judged_by_their_values(event):
    outcome = Outcome(event)
    assert check_result(outcome, SPEC, {}) is outcome


def test_a_failure_is_tried_again_as_often_as_its_class_allows():
    lost = Outcome("vanished", Failure.LOST, "gone")
    assert with_retry(lost, {"lost": 1}, {}) == Outcome("retry", Failure.LOST, "gone")
    assert with_retry(lost, {"lost": 1}, {"lost": 1}) == lost
    assert with_retry(lost, {"lost": 2}, {"lost": 1}).event == "retry"
    assert with_retry(lost, {"error": 5}, {}) == lost
    assert with_retry(lost, {"lost": 0}, {}) == lost
    assert with_retry(Outcome("exit_error", Failure.ERROR), {"error": 1}, {"lost": 3}).event == "retry"


@pytest.mark.parametrize("intent", [StopReason.CANCEL, StopReason.KILL, StopReason.PRUNE])
def test_what_somebody_ended_for_good_is_not_tried_again(intent):
    lost = Outcome("vanished", Failure.LOST)
    killed = Outcome("exit_error", Failure.KILLED)
    for outcome in (lost, killed):
        assert with_retry(outcome, {"lost": 9, "killed": 9}, {}, intent) == outcome


def test_a_failure_that_would_be_tried_again_stays_paused_when_that_was_asked():
    lost = Outcome("vanished", Failure.LOST, "gone")
    assert with_retry(lost, {"lost": 1}, {}, StopReason.PAUSE) == Outcome("exit_paused", None, "gone")
    assert with_retry(lost, {"lost": 1}, {"lost": 1}, StopReason.PAUSE) == lost


def test_an_attempt_that_left_no_word_ended_as_it_was_asked_to():
    lost = Outcome("vanished", Failure.LOST, "gone")
    assert as_asked(lost, None) is lost
    events = {intent: as_asked(lost, intent).event for intent in StopReason}
    assert events == {
        StopReason.PAUSE: "exit_paused",
        StopReason.PRUNE: "exit_pruned",
        StopReason.CANCEL: "exit_cancelled",
        StopReason.KILL: "exit_error",
    }
    assert as_asked(lost, StopReason.KILL).failure is Failure.KILLED


@pytest.mark.parametrize("event", ["exit_ok", "exit_pruned", "exit_cancelled", "exit_paused"])
def test_what_is_no_failure_is_not_tried_again(event):
    allowed = {failure.value: 9 for failure in Failure}
    assert with_retry(Outcome(event), allowed, {}) == Outcome(event)


@pytest.mark.parametrize("event", ["exit_ok", "exit_error", "vanished"])
def test_a_canary_that_gives_nothing_pauses_the_study(event):
    reason = canary_verdict(SPEC, Outcome(event, reason="exit code 1: boom"), False, 3)
    assert reason is not None
    assert "trial 3" in reason
    assert "loss" in reason
    assert "boom" in reason


def test_a_clean_end_without_a_value_says_what_there_was_instead():
    clean = Outcome("exit_ok")
    silent = check_result(clean, SPEC, {}, tail="epoch 1\nno data here\n")
    assert silent.failure is Failure.ERROR
    assert silent.reason == "ended without reporting loss; its last line: no data here"
    assert silent.silent
    assert canary_verdict(SPEC, silent, False, 2) == f"trial 2 {silent.reason}"
    assert check_result(clean, SPEC, {}, tail="x", reported=["acc", "lr"]).reason.endswith("; it reported acc, lr")
    assert check_result(clean, SPEC, {}).reason == "ended without reporting loss"


def test_what_a_program_says_of_its_point_is_no_missing_metric():
    """Only the check of its result knows that a program ended well and left a metric out."""
    said = Outcome("exit_error", Failure.INFEASIBLE, "ended without reporting a plan: no route")
    assert canary_verdict(SPEC, said, False, 2) == f"trial 2 ended without loss: {said.reason}"
    assert not said.silent


WHOLE = {objective.metric: 1.0 for objective in SPEC.required_in("search")}


def test_an_end_on_a_full_disk_is_lost_unless_nothing_was_to_be_reported():
    outcome = check_result(Outcome("exit_ok"), SPEC, {}, disk_full=True)
    assert outcome.failure is Failure.LOST
    assert check_result(Outcome("exit_ok"), SPEC, WHOLE, disk_full=True) == Outcome("exit_ok")
    assert with_retry(outcome, {"lost": 1}, {}).event == "retry"
    assert check_result(Outcome("exit_ok"), PLAIN, {}, disk_full=True) == Outcome("exit_ok")


def test_a_canary_says_nothing_when_there_is_nothing_to_say():
    error = Outcome("exit_error", Failure.ERROR)
    assert canary_verdict(SPEC, error, True, 1) is None
    assert canary_verdict(PLAIN, error, False, 1) is None
    for event in ("exit_pruned", "exit_cancelled", "exit_paused", "retry"):
        assert canary_verdict(SPEC, Outcome(event), False, 1) is None


def test_a_warm_start_without_a_line_of_user_code_runs_again_cold():
    failed = {"code": None, "signal": 9, "user_code": False}
    outcome = never_began(failed, {"mode": "warm"})
    assert outcome is not None
    assert (outcome.event, outcome.failure) == ("retry", None)
    assert never_began(failed, {"mode": "cold"}) is None
    assert never_began({**failed, "user_code": True}, {"mode": "warm"}) is None
    assert never_began(None, {"mode": "warm"}) is None
    assert never_began(failed, None) is None


def test_a_lack_of_memory_on_a_shared_card_is_tried_again_once_alone():
    short = Outcome("exit_error", Failure.OOM, "CUDA out of memory")
    again = alone_next(short, True, {})
    assert (again.event, again.failure, again.spends) == ("retry", Failure.OOM, ALONE)
    assert with_retry(again, {"oom": 1}, {}) == again, "of the retries that the study allows it uses none"
    assert [wanted_by({ALONE: 1}, gpus) for gpus in (0.0, 0.5, 1.0, 2.0)] == [0.0, 1.0, 1.0, 2.0]
    assert alone_next(short, True, {ALONE: 1}) == alone_next(short, False, {}) == short
    other = Outcome("exit_error", Failure.ERROR)
    assert alone_next(other, True, {}) == other
    assert alone_next(short, True, {}, StopReason.PRUNE).event == "exit_pruned"


@pytest.mark.parametrize(("gaps", "partial"), [(["loss"], True), (["*"], True), (["train_loss"], False), ([], False)])
def test_a_gap_in_an_objective_is_marked(gaps, partial):
    outcome = check_result(Outcome("exit_ok"), SPEC, WHOLE, gaps=gaps)
    assert (outcome.event, outcome.failure, outcome.partial) == ("exit_ok", None, partial)
    assert ("loss" in outcome.reason) == partial
    assert check_result(Outcome("exit_ok"), SPEC, {}, gaps=["loss"]).failure is Failure.LOST


def ended(number: int, reason: str = "", step: float | None = None, failure: str = "error", **params: object) -> Trial:
    state = TrialState.FAILED if reason else TrialState.COMPLETED
    why = Failure(failure) if reason else None
    values = {} if reason else {"loss": 1.0}
    moments = (0.0, 0.0, 0.0)
    return Trial(
        number, 1, "s", number, state, params, values, 0, "sobol", "", 1, None, why, reason, "cpu:0", 0, "main",  # type: ignore[arg-type]
        step if reason else 3.0, *moments,
    )  # fmt: skip


def alike(n: int, **params: object) -> list[Trial]:
    return [ended(100 + i, f"exit code 2: train.py: error: expected {i} argument", **params) for i in range(n)]


def test_one_value_that_always_fails_at_start_pauses_the_study():
    good = [ended(1, fused=False, lr=0.1)]
    reason = side_verdict(alike(5, fused=True, lr=0.1) + good)
    assert reason is not None
    assert reason.startswith("all 5 trials with fused = true failed at start, and no other did: exit code 2: train.py")
    assert side_verdict(alike(4, fused=True) + good) is None
    assert side_verdict([*alike(5, fused=True), ended(2, fused=True)]) is None


def test_one_end_of_a_range_that_always_fails_at_start_pauses_the_study():
    bad = [ended(10 + i, f"exit code 2: bad {x}", x=x) for i, x in enumerate((-1e-5, -2e-5, -0.1, -0.5, -0.9))]
    good = [ended(i, x=0.1 * i) for i in range(1, 6)]
    assert str(side_verdict(bad + good)).startswith("all 5 trials with x up to -1e-05 failed at start")
    assert side_verdict(bad + good[:4]) is None
    assert side_verdict([*bad, *good, ended(30, x=-0.2)]) is None


def test_what_fails_late_or_without_a_pattern_pauses_nothing():
    good = [ended(1, fused=False)]
    late = [ended(10 + i, "exit code 1: nan", step=2.0, fused=True) for i in range(6)]
    assert side_verdict(late + good) is None
    mixed = [ended(10 + i, "exit code 1: no file", fused=bool(i % 2)) for i in range(6)]
    assert side_verdict(mixed + good) is None
    lack = [ended(10 + i, "out of memory", failure="oom", fused=True) for i in range(6)]
    assert side_verdict(lack + good) is None
    assert side_verdict([]) is None


def test_five_nan_in_a_row_pause_a_study_but_not_at_points_that_a_person_chose():
    suggested = [ended(i, "loss is nan", failure="nan", lr=float(i)) for i in range(5)]
    assert "failed alike (nan)" in (breaker_verdict(suggested) or "")
    own = [replace(trial, origin="user") for trial in suggested]
    assert breaker_verdict(own) is None


FAILED = Outcome("exit_error", Failure.ERROR, "exit code 1: EOFError: Ran out of input")


def test_who_cannot_go_on_goes_on_from_the_copy_which_costs_no_retry():
    again = from_copy(FAILED, Resumption(copy=True))
    assert (again.event, again.spends) == ("retry", RESUME) and "EOFError" in again.reason
    assert from_copy(FAILED, Resumption(copy=True), StopReason.PAUSE).event == "exit_paused"
    for resumption, intent in ((None, None), (Resumption(copy=False), None), (Resumption(copy=True), StopReason.KILL)):
        assert from_copy(FAILED, resumption, intent) is FAILED


def test_a_failure_to_go_on_never_takes_the_earlier_result():
    values = {"loss": 1.0, "size": 2.0}
    kept = keeps_result(FAILED, Resumption(copy=False), SPEC, values)
    assert (kept.event, kept.failure) == ("exit_pruned", None) and "EOFError" in kept.reason
    retry = Outcome("retry", Failure.ERROR, "")
    for outcome, resumption, known in (
        (FAILED, None, values),
        (FAILED, Resumption(copy=False), {"loss": 1.0}),
        (FAILED, Resumption(copy=False), {"loss": math.nan, "size": 2.0}),
        (retry, Resumption(copy=True), values),
    ):
        assert keeps_result(outcome, resumption, SPEC, known) is outcome
