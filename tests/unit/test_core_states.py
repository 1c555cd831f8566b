from __future__ import annotations

from itertools import product

import pytest

from tuned.core.errors import Conflict
from tuned.core.states import (
    LIVE,
    OPEN,
    STUDY_ENDED,
    STUDY_MOVES,
    TERMINAL,
    TRIAL_MOVES,
    UNCOUNTED,
    VALUED,
    WASTED,
    Actor,
    IllegalMove,
    StudyState,
    TrialState,
    move_study,
    move_trial,
)

TRIAL_EVENTS = {event for _, event in TRIAL_MOVES}
STUDY_EVENTS = {event for _, event in STUDY_MOVES}


def reachable(start, moves):
    seen, edge = {start}, [start]
    while edge:
        state = edge.pop()
        for (source, _), (target, _) in moves.items():
            if source is state and target not in seen:
                seen.add(target)
                edge.append(target)
    return seen


def test_every_trial_state_is_reached_from_the_queue():
    assert reachable(TrialState.QUEUED, TRIAL_MOVES) == set(TrialState)


def test_every_study_state_is_reached_from_running():
    assert reachable(StudyState.RUNNING, STUDY_MOVES) == set(StudyState)


def test_from_every_state_that_is_not_terminal_an_end_can_be_reached():
    for state in TrialState:
        assert reachable(state, TRIAL_MOVES) & TERMINAL
    for study in StudyState:
        assert reachable(study, STUDY_MOVES) & STUDY_ENDED


def test_terminal_trials_are_exactly_the_five_ends():
    S = TrialState
    assert {S.COMPLETED, S.FAILED, S.PRUNED, S.CANCELLED, S.LOST} == TERMINAL
    assert not LIVE & TERMINAL


@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_nothing_moves_an_ended_trial(state):
    for event, actor in product(TRIAL_EVENTS, Actor):
        with pytest.raises(IllegalMove):
            move_trial(state, event, actor)


def test_a_trial_moves_as_the_table_says_and_only_by_its_actors():
    for state, event, actor in product(TrialState, TRIAL_EVENTS | {"", "jump"}, Actor):
        target, actors = TRIAL_MOVES.get((state, event), (None, frozenset()))
        if actor in actors:
            assert move_trial(state, event, actor) is target
        else:
            with pytest.raises(IllegalMove):
                move_trial(state, event, actor)


def test_a_study_moves_as_the_table_says_and_only_by_its_actors():
    for state, event, actor in product(StudyState, STUDY_EVENTS | {"", "jump"}, Actor):
        target, actors = STUDY_MOVES.get((state, event), (None, frozenset()))
        if actor in actors:
            assert move_study(state, event, actor) is target
        else:
            with pytest.raises(IllegalMove):
                move_study(state, event, actor)


def test_every_move_has_somebody_who_may_cause_it():
    assert all(actors for _, actors in [*TRIAL_MOVES.values(), *STUDY_MOVES.values()])


def test_nobody_but_who_saw_the_end_may_say_how_a_live_trial_ended():
    for (state, event), (target, actors) in TRIAL_MOVES.items():
        if state in LIVE and target in TERMINAL:
            assert actors == {Actor.REAPER, Actor.RECOVERY}, event


@pytest.mark.parametrize(
    ("state", "event", "actor", "target"),
    [
        ("queued", "claim", "scheduler", "starting"),
        ("starting", "unclaim", "recovery", "queued"),
        ("starting", "started", "reaper", "running"),
        ("running", "retry", "reaper", "queued"),
        ("running", "vanished", "recovery", "lost"),
        ("running", "exit_paused", "reaper", "paused"),
        ("paused", "resume", "user", "queued"),
        ("paused", "prune", "scheduler", "pruned"),
    ],
)
def test_moves_that_others_rely_on(state, event, actor, target):
    assert move_trial(TrialState(state), event, Actor(actor)) is TrialState(target)


def test_a_refusal_says_what_was_refused():
    with pytest.raises(Conflict, match="a completed trial cannot claim"):
        move_trial(TrialState.COMPLETED, "claim", Actor.SCHEDULER)
    with pytest.raises(Conflict, match="a draining study cannot pause"):
        move_study(StudyState.DRAINING, "pause", Actor.USER)


def test_every_ended_state_is_in_one_group():
    assert set(TrialState) == OPEN | TERMINAL and not OPEN & TERMINAL
    assert VALUED | WASTED | {TrialState.CANCELLED} == TERMINAL and LIVE < OPEN and UNCOUNTED < TERMINAL
