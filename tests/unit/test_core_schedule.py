from __future__ import annotations

from dataclasses import replace

import pytest

from tuned.core.queue.ahead import suggestions_ahead
from tuned.core.queue.schedule import (
    BUDGET_SPENT,
    CANCELLED,
    DONE,
    EXHAUSTED,
    NO_RESULT,
    NOTHING_RAN,
    Ask,
    Claim,
    Drain,
    End,
    QueuedView,
    StudyView,
    end_event,
    plan,
    without_room,
)
from tuned.core.states import StudyState

STUDY = StudyView(
    id=1,
    state=StudyState.RUNNING,
    counted=0,
    live=0,
    queued=0,
    paused=0,
    asked=0,
    ahead=2,
    budget_left=None,
    trials=10,
    parallel=None,
    searching=True,
    exhausted=False,
    reason="",
)
DONE_STUDY = replace(STUDY, counted=10)


def queue(*entries: tuple[int, int, float]) -> list[QueuedView]:
    return [QueuedView(*entry) for entry in entries]


def test_nothing_to_do():
    assert plan([], [], ["g"], ["c"]) == []


def test_a_place_has_slots_of_its_own_and_takes_none_of_the_machine():
    entries = [QueuedView(1, 1, 0, "lab"), QueuedView(2, 1, 0, "lab"), *queue((3, 1, 0)), QueuedView(4, 1, 0, "far")]
    studies = [replace(STUDY, queued=4, counted=10)]
    actions = plan(studies, entries, [], ["cpu:0"], places={"lab": ["place:lab/2"], "far": []})
    assert actions == [Claim(1, 1, "place:lab/2"), Claim(3, 1, "cpu:0")]
    assert without_room(studies, entries, actions) == []


def test_the_queue_is_taken_in_its_order():
    studies = [replace(STUDY, queued=3, counted=10)]
    actions = plan(studies, queue((7, 1, 0), (5, 1, 0), (6, 1, 0)), [], ["c0", "c1"])
    assert actions == [Claim(7, 1, "c0"), Claim(5, 1, "c1")]


def test_a_trial_gets_the_kind_of_slot_it_needs_and_does_not_block_the_other_kind():
    studies = [replace(STUDY, queued=3, counted=10)]
    actions = plan(studies, queue((1, 1, 1), (2, 1, 1), (3, 1, 0)), ["g0"], ["c0"])
    assert actions == [Claim(1, 1, "g0"), Claim(3, 1, "c0")]


def test_parallel_is_a_limit_of_each_study_and_lets_the_next_one_pass():
    one = replace(STUDY, queued=2, counted=10, live=1, parallel=2)
    other = replace(STUDY, id=2, queued=1, counted=10)
    actions = plan([one, other], queue((1, 1, 0), (2, 1, 0), (3, 2, 0)), [], ["c0", "c1", "c2"])
    assert actions == [Claim(1, 1, "c0"), Claim(3, 2, "c1")]


@pytest.mark.parametrize("state", [StudyState.PAUSED, StudyState.DRAINING])
def test_only_running_studies_start_trials(state):
    actions = plan([replace(STUDY, state=state, live=1, queued=1)], queue((1, 1, 0)), [], ["c0"])
    assert not any(isinstance(action, Claim | Ask) for action in actions)


def test_a_queued_trial_of_an_unknown_study_is_left_alone():
    assert plan([], queue((1, 9, 0)), [], ["c0"]) == []


def test_suggestions_are_made_ahead():
    assert plan([STUDY], [], [], ["c0", "c1", "c2"]) == [Ask(1, 2)]
    assert plan([replace(STUDY, parallel=1)], [], [], ["c0", "c1", "c2"]) == [Ask(1, 2)]
    assert plan([replace(STUDY, live=1, parallel=1)], [], [], ["c0"]) == [Ask(1, 2)]
    assert plan([replace(STUDY, asked=1)], [], [], []) == [Ask(1, 1)]
    assert plan([replace(STUDY, asked=2)], [], [], ["c0"]) == []


def test_a_claimed_trial_makes_room_for_the_next_suggestion():
    actions = plan([replace(STUDY, queued=2, counted=2)], queue((1, 1, 0), (2, 1, 0)), [], ["c0"])
    assert actions == [Claim(1, 1, "c0"), Ask(1, 1)]


@pytest.mark.parametrize(("counted", "asked", "count"), [(9, 0, 1), (8, 1, 1), (5, 0, 4), (0, 0, 4)])
def test_no_more_is_asked_than_is_missing(counted, asked, count):
    (ask,) = plan([replace(STUDY, counted=counted, asked=asked, ahead=4 + asked)], [], [], [])
    assert ask == Ask(1, count)


@pytest.mark.parametrize("view", [replace(DONE_STUDY, trials=10), replace(STUDY, counted=11), replace(STUDY, trials=0)])
def test_a_full_study_asks_no_more_and_drains(view):
    assert plan([view], [], [], ["c0"]) == [Drain(1, DONE)]


@pytest.mark.parametrize("busy", [{"live": 1}, {"queued": 1}, {"paused": 1}])
def test_a_full_study_waits_for_what_is_unfinished(busy):
    assert plan([replace(DONE_STUDY, **busy)], [], [], []) == []


def test_a_full_study_does_not_wait_for_a_suggestion_that_nobody_needs():
    assert plan([replace(DONE_STUDY, trials=DONE_STUDY.counted, asked=1)], [], [], []) == [Drain(1, DONE)]


def test_a_spent_budget_drains_at_once():
    view = replace(STUDY, budget_left=0.0, queued=1, live=1)
    assert plan([view], queue((1, 1, 0)), [], ["c0"]) == [Drain(1, BUDGET_SPENT)]
    assert plan([replace(view, budget_left=0.1)], queue((1, 1, 0)), [], ["c0"])[0] == Claim(1, 1, "c0")


def test_a_study_that_went_on_after_its_budget_ends_for_that_budget():
    view = replace(STUDY, searching=False, spent=True, counted=4)
    assert plan([view], [], [], ["c0"]) == [Drain(1, BUDGET_SPENT)]
    assert plan([replace(view, trials=None)], [], [], ["c0"]) == [Drain(1, BUDGET_SPENT)]
    assert plan([replace(view, trials=4)], [], [], ["c0"]) == [Drain(1, DONE)]


def test_a_budget_alone_never_stops_asking():
    assert plan([replace(STUDY, trials=None, budget_left=5.0, counted=999)], [], [], []) == [Ask(1, 2)]


@pytest.mark.parametrize("trials", [10, None])
def test_an_exhausted_space_ends_the_study_and_says_so(trials):
    view = replace(STUDY, exhausted=True, counted=4, trials=trials, budget_left=5.0)
    assert plan([view], [], [], ["c0"]) == [Drain(1, EXHAUSTED)]
    assert plan([replace(view, live=1)], [], [], ["c0"]) == []


def test_a_space_that_is_exhausted_by_the_last_trial_is_just_done():
    assert plan([replace(DONE_STUDY, exhausted=True)], [], [], []) == [Drain(1, DONE)]


def test_a_plain_command_is_done_after_its_trial():
    view = replace(STUDY, searching=False, trials=None, counted=1)
    assert plan([replace(view, live=1)], [], [], ["c0"]) == []
    assert plan([view], [], [], ["c0"]) == [Drain(1, DONE)]


def test_a_plain_command_that_was_cancelled_is_stopped_and_not_done():
    view = replace(STUDY, searching=False, trials=None, counted=0)
    assert plan([view], [], [], ["c0"]) == [Drain(1, NOTHING_RAN)]
    assert plan([replace(view, state=StudyState.DRAINING, reason=NOTHING_RAN)], [], [], []) == [
        End(1, "stop", NOTHING_RAN)
    ]


@pytest.mark.parametrize("counted", [0, 1])  # a lost trial does not count
def test_a_study_without_any_result_in_which_trials_failed_has_failed(counted: int) -> None:
    view = replace(STUDY, searching=False, trials=None, counted=counted, fruitless=True)
    assert plan([view], [], [], ["c0"]) == [Drain(1, NO_RESULT)]
    assert plan([replace(view, state=StudyState.DRAINING, reason=NO_RESULT)], [], [], []) == [End(1, "fail", NO_RESULT)]


def test_a_paused_study_does_nothing_even_when_it_is_full():
    assert plan([replace(DONE_STUDY, state=StudyState.PAUSED)], [], [], ["c0"]) == []


def test_a_draining_study_ends_when_its_last_trial_has():
    view = replace(STUDY, state=StudyState.DRAINING, reason=DONE, live=1)
    assert plan([view], [], [], []) == []
    assert plan([replace(view, live=0)], [], [], []) == [End(1, "complete", DONE)]
    assert plan([replace(view, live=0, paused=2)], [], [], []) == [End(1, "complete", DONE)]


def test_what_comes_back_into_the_queue_of_a_draining_study_is_drained_too():
    view = replace(STUDY, state=StudyState.DRAINING, reason=CANCELLED, queued=1)
    assert plan([view], queue((1, 1, 0)), [], ["c0"]) == [Drain(1, CANCELLED)]
    assert plan([replace(view, live=1)], [], [], []) == [Drain(1, CANCELLED)]


def test_how_a_study_ends_follows_from_why_it_drains():
    assert end_event(CANCELLED) == "stop"
    assert {end_event(reason) for reason in (DONE, BUDGET_SPENT, EXHAUSTED)} == {"complete"}


@pytest.mark.parametrize(
    ("suggestion_s", "trial_s", "parallel", "ahead"),
    [(1.0, None, 4, 1), (1.0, 0.0, 4, 1), (1.1, 100.0, 1, 1), (1.0, 2.0, 4, 2), (10.0, 1.0, 2, 4), (5.0, 10.0, 3, 2)],
)
def test_how_many_suggestions_wait(suggestion_s, trial_s, parallel, ahead):
    assert suggestions_ahead(suggestion_s, trial_s, parallel, 0) == ahead


def test_a_suggestion_beside_which_a_trial_is_long_is_made_when_a_place_is_free():
    assert [suggestions_ahead(1.0, 100.0, 4, free) for free in (0, 1, 3)] == [0, 1, 1]


def test_parts_of_a_card_fill_the_fullest_one_first():
    studies = [replace(STUDY, queued=4, counted=10)]
    shares = {"g0": 1.0, "g1": 0.5}
    actions = plan(studies, queue((1, 1, 0.5), (2, 1, 0.5), (3, 1, 0.5), (4, 1, 0.5)), shares, [], 2)
    assert actions == [Claim(1, 1, "g1"), Claim(2, 1, "g0"), Claim(3, 1, "g0")]


def test_several_cards_are_one_device():
    studies = [replace(STUDY, queued=2, counted=10)]
    assert plan(studies, queue((1, 1, 2), (2, 1, 1)), ["g0", "g1", "g2"], [], 3) == [
        Claim(1, 1, "g0,g1"),
        Claim(2, 1, "g2"),
    ]


def test_small_trials_do_not_keep_a_large_one_waiting():
    studies = [replace(STUDY, queued=3, counted=10)]
    entries = queue((1, 1, 2), (2, 1, 1), (3, 1, 0))
    assert plan(studies, entries, ["g0"], ["c0"], 2) == [Claim(3, 1, "c0")]
    # More cards than there are at all: nobody waits for that.
    assert plan(studies, entries, ["g0"], ["c0"], 1) == [Claim(2, 1, "g0"), Claim(3, 1, "c0")]
