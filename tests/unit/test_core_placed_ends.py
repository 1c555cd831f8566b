"""What an engine's word adds to the records of a trial in a place."""

from __future__ import annotations

from typing import Any

import pytest

from tuned.core.states import Failure, StopReason
from tuned.core.trials.placed_ends import LIMIT, MOST_LIMITS, MOST_NODES, NODE, EngineWord, as_placed
from tuned.core.trials.trial import Outcome, classify_exit

ENDED: dict[str, Any] = {"code": 0, "signal": None, "seconds": 3.0}
TOLD = {**ENDED, "by_place": True, "stop": "pause", "stop_signalled": True}


def outcome(
    record: dict[str, Any] | None,
    word: EngineWord | None,
    used: dict[str, int] | None = None,
    intent: StopReason | None = None,
    seen: bool = False,
) -> Outcome:
    return as_placed(classify_exit(record, intent, seen), record, word, used or {}, intent, seen)


def word(why: str, said: str = "") -> EngineWord:
    return EngineWord("lab", "17", why, said or why.upper())


def test_its_own_record_comes_first() -> None:
    assert outcome(ENDED, word("cancelled")).event == "exit_ok"
    assert outcome({**ENDED, "code": 3}, word("cancelled")).failure is Failure.ERROR
    assert outcome({**ENDED, "by_place": True}, word("limit")).event == "exit_ok"


def test_a_request_of_the_daemon_is_what_it_was() -> None:
    assert outcome(TOLD, word("cancelled"), intent=StopReason.PRUNE).event == "exit_pruned"


@pytest.mark.parametrize("record", [TOLD, {**TOLD, "stop_signalled": False, "code": None, "signal": 15}, None])
def test_a_limit_goes_on_and_costs_no_retry(record: dict[str, Any] | None) -> None:
    found = outcome(record, word("limit", "TIMEOUT: TimeLimit"))
    assert (found.event, found.spends) == ("retry", LIMIT)
    assert "job 17 in lab was ended by its time limit" in found.reason


def test_a_trial_that_saw_its_stop_was_told() -> None:
    record = {**TOLD, "stop_signalled": False}
    assert outcome(record, word("limit"), seen=True).event == "retry"


def test_limits_and_lost_nodes_end_once() -> None:
    assert outcome(TOLD, word("limit"), {LIMIT: MOST_LIMITS}).event == "exit_error"
    assert outcome(None, word("node"), {NODE: MOST_NODES - 1}).event == "retry"
    assert outcome(None, word("node"), {NODE: MOST_NODES}).event == "exit_error"


@pytest.mark.parametrize("record", [TOLD, None])
def test_a_person_that_cancels_a_job_pauses_its_trial(record: dict[str, Any] | None) -> None:
    found = outcome(record, word("cancelled"))
    assert (found.event, found.failure) == ("exit_paused", None)
    assert "tunectl resume" in found.reason


@pytest.mark.parametrize("record", [{**ENDED, "code": None, "signal": 15}, {**ENDED, "code": 143}])
def test_a_trial_that_scancel_signalled_before_its_supervisor_is_paused_as_well(record: dict[str, Any]) -> None:
    assert outcome(record, word("cancelled")).event == "exit_paused"
    assert outcome(record, word("limit")).event == "retry"
    assert outcome(record, word("memory")).failure is Failure.OOM
    assert outcome(record, word("failed")).event == "exit_error"
    assert outcome({**record, "timed_out": True}, word("limit")).event == "exit_error"


def test_preemption_is_named() -> None:
    assert "by preemption" in outcome(TOLD, word("limit", "PREEMPTED")).reason


def test_a_job_that_waited_for_too_long_is_queued_again_and_costs_no_retry() -> None:
    again = outcome(None, word("limit", "NOT_BEGUN: it failed to start within 900 seconds"))
    assert (again.event, again.spends) == ("retry", LIMIT)
    assert "was ended by the engine's limit of waiting" in again.reason


def test_a_trial_behind_the_fence_has_the_end_that_the_engine_said() -> None:
    fenced = {**ENDED, "code": None, "signal": 9, "by_place": True, "stop": "kill", "stop_signalled": True}
    assert outcome(fenced, word("node")).spends == NODE
    assert outcome(fenced, EngineWord("lab")).event == "vanished"
    assert outcome(fenced, word("failed")).failure is Failure.LOST
    assert outcome({**fenced, "code": 0, "signal": None, "stop_signalled": False}, word("node")).event == "exit_ok"
    assert outcome({**fenced, "by_place": False}, word("node")).event == "exit_error", "somebody's kill is no loss"


def test_what_nobody_explains_is_lost_with_all_that_is_known() -> None:
    gone = outcome(None, EngineWord("lab"))
    assert (gone.event, gone.reason) == ("vanished", "its job in lab is not known there any more")
    failed = outcome(None, EngineWord("lab", "17", "failed", "FAILED: NonZeroExitCode", "python: not found"))
    assert failed.reason.endswith("(FAILED: NonZeroExitCode) without a word of its supervisor: python: not found")
    assert outcome(None, word("memory")).failure is Failure.OOM


def test_a_trial_on_this_machine_is_judged_without() -> None:
    assert outcome(None, None).reason == "its supervisor ended without a word"
