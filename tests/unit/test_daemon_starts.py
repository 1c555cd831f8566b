from __future__ import annotations

from tuned.daemon.requests.starts import Lane, Running, start_estimates


def test_waiting_trials_start_when_slots_come_free() -> None:
    lanes = {1: Lane(10.0, 2)}
    running = [Running(1, 4.0), Running(1, 9.0)]
    assert start_estimates(2, running, [1, 1, 1], lanes) == [1.0, 6.0, 11.0]


def test_a_free_slot_means_now_and_a_late_trial_ends_now() -> None:
    assert start_estimates(2, [Running(1, 99.0)], [1, 1], {1: Lane(10.0, 2)}) == [0.0, 0.0]


def test_a_study_waits_for_its_own_limit() -> None:
    lanes = {1: Lane(10.0, 1), 2: Lane(3.0, 4)}
    assert start_estimates(4, [Running(1, 2.0)], [1, 2, 1], lanes) == [8.0, 0.0, 18.0]


def test_nothing_is_said_where_nothing_is_known() -> None:
    lanes = {1: Lane(None, 2), 2: Lane(5.0, 2)}
    assert start_estimates(1, [Running(1, 2.0)], [2], lanes) == [None]
    assert start_estimates(2, [Running(1, 2.0)], [2, 2], lanes) == [0.0, 5.0]
    assert start_estimates(2, [Running(2, 1.0)], [1, 2, 2], lanes) == [0.0, 4.0, 9.0]
