from __future__ import annotations

from tuned.daemon.estimates.starts import Lane, Running, lane_gpus, start_estimates


def test_waiting_trials_start_when_slots_come_free() -> None:
    lanes = {1: Lane(10.0, 2)}
    running = [Running(1, 4.0), Running(1, 8.0)]
    assert start_estimates(2, 0, running, [1, 1, 1], lanes) == [2.0, 6.0, 12.0]


def test_a_free_slot_means_now_and_nobody_is_told_soon_behind_a_trial_that_is_long_overdue() -> None:
    assert start_estimates(2, 0, [Running(1, 100.0)], [1, 1], {1: Lane(10.0, 2)}) == [0.0, 10.0]
    assert start_estimates(1, 0, [Running(1, 100.0)], [1], {1: Lane(10.0, 2)}) == [25.0]


def test_a_study_waits_for_its_own_limit() -> None:
    lanes = {1: Lane(10.0, 1), 2: Lane(3.0, 4)}
    assert start_estimates(4, 0, [Running(1, 2.0)], [1, 2, 1], lanes) == [8.0, 0.0, 18.0]


def test_nothing_is_said_where_nothing_is_known() -> None:
    lanes = {1: Lane(None, 2), 2: Lane(5.0, 2)}
    assert start_estimates(1, 0, [Running(1, 2.0)], [2], lanes) == [None]
    assert start_estimates(2, 0, [Running(1, 2.0)], [2, 2], lanes) == [0.0, 5.0]
    assert start_estimates(2, 0, [Running(2, 1.0)], [1, 2, 2], lanes) == [0.0, 4.0, 9.0]


def test_parts_of_cards_whole_ones_and_cpu_slots_wait_for_their_own() -> None:
    half, whole, pair, plain = Lane(10.0, 9, 0.5), Lane(4.0, 9, 1.0), Lane(1.0, 9, 2.0), Lane(3.0, 9)
    assert start_estimates(1, 1, [Running(1, 4.0)], [1, 1, 1], {1: half}) == [0.0, 6.0, 10.0]
    lanes = {1: half, 2: whole, 3: pair, 4: plain}
    assert start_estimates(1, 2, [Running(1, 4.0), Running(1, 9.0)], [2, 3, 4, 4], lanes) == [0.0, 6.0, 0.0, 3.0]
    assert start_estimates(1, 1, [], [3, 2], lanes) == [None, 0.0], "two cards are never free here"


def test_a_card_that_trials_of_another_study_share_has_no_room():
    """Two trials of a study that shares cards have one each; how long they take is not known."""
    shares = [lane_gpus(1.0, 2, 6, several) for several in (False, True)]
    assert shares == [1 / 3, 1.0]
    lanes = {1: Lane(None, 6, shares[1]), 2: Lane(10.0, 2, 1.0)}
    assert start_estimates(1, 2, [Running(1, 5.0), Running(1, 5.0)], [2], lanes) == [None]
