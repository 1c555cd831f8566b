from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tuned.core.states import LIVE, TERMINAL, TRIAL_MOVES, Actor, Failure, StopReason, TrialState, move_trial
from tuned.core.study import Objective, RunSpec, SearchSpec, StudySpec
from tuned.core.trials.endings import canary_verdict, check_result, judge, with_retry
from tuned.core.trials.trial import classify_exit

RECORDS = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "code": st.none() | st.integers(0, 255),
        "signal": st.none() | st.integers(1, 64),
        "timed_out": st.booleans(),
        "timeout": st.none() | st.floats(0, 100),
        "stop_signalled": st.booleans(),
        "seconds": st.floats(0, 1e6),
        "launch_error": st.text(max_size=5),
    },
)
INTENTS = st.none() | st.sampled_from(StopReason)
TAILS = st.text(max_size=40) | st.sampled_from(["x\nMemoryError", "CUDA out of memory", "Traceback\nValueError: x\n"])
SPEC = StudySpec("s", RunSpec("command"), SearchSpec(), objectives=(Objective("loss", "minimize"),))
VALUES = st.dictionaries(st.sampled_from(["loss", "other"]), st.floats())
COUNTS = st.dictionaries(st.sampled_from(Failure).map(str), st.integers(0, 3))


@given(RECORDS, INTENTS, st.booleans(), TAILS)
@settings(max_examples=500)
def test_no_exit_is_invented(record: dict[str, Any] | None, intent: StopReason | None, seen: bool, tail: str):
    outcome = classify_exit(record, intent, seen, tail)
    asked = intent is not None and record is not None and (seen or bool(record.get("stop_signalled")))
    if record is None:
        assert (outcome.event, outcome.failure) == ("vanished", Failure.LOST)
        return
    assert outcome.event != "vanished"
    assert outcome.failure is not Failure.LOST
    if outcome.event == "exit_ok":
        assert record.get("code") == 0
        assert not record.get("timed_out")
    if outcome.event in ("exit_pruned", "exit_cancelled", "exit_paused"):
        assert asked
        assert intent is not None
        assert outcome.event == {"prune": "exit_pruned", "cancel": "exit_cancelled", "pause": "exit_paused"}[intent]
    if outcome.failure is Failure.TIMEOUT:
        assert record.get("timed_out")
    assert (outcome.event == "exit_error") == (outcome.failure is not None)
    assert "\n" not in outcome.reason
    assert bool(outcome.reason) == (outcome.failure is not None)


@given(RECORDS, INTENTS, st.booleans(), TAILS, VALUES, COUNTS, COUNTS, st.sampled_from(sorted(LIVE)))
@settings(max_examples=500)
def test_every_end_is_a_legal_move_of_a_live_trial(
    record: dict[str, Any] | None,
    intent: StopReason | None,
    seen: bool,
    tail: str,
    values: dict[str, float],
    allowed: dict[str, int],
    used: dict[str, int],
    state: TrialState,
):
    outcome = with_retry(check_result(classify_exit(record, intent, seen, tail), SPEC, values), allowed, used, intent)
    target = move_trial(state, outcome.event, Actor.REAPER)
    if target is TrialState.COMPLETED:
        assert record is not None
        assert record["code"] == 0
        assert values["loss"] - values["loss"] == 0
    if target in (TrialState.FAILED, TrialState.LOST):
        assert outcome.failure is not None
        for_good = intent in (StopReason.PRUNE, StopReason.CANCEL, StopReason.KILL)
        assert for_good or used.get(outcome.failure, 0) >= allowed.get(outcome.failure, 0)
    assert target in TERMINAL | {TrialState.QUEUED, TrialState.PAUSED}
    reason = canary_verdict(SPEC, outcome, bool(values), 1)
    assert reason is None or "\n" not in reason


@given(st.sampled_from(sorted(LIVE)), st.booleans(), st.sampled_from(["held", "started", "revoked", "absent"]))
def test_every_folder_is_judged_and_an_unclaim_is_legal(state: TrialState, has_exit: bool, lock: str):
    verdict = judge(state, has_exit, lock)
    if verdict == "unclaim":
        assert (state, "unclaim") in TRIAL_MOVES
    if verdict in ("unclaim", "vanished"):
        assert not has_exit
        assert lock != "held"
