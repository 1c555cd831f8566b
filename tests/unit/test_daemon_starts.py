from __future__ import annotations

from collections.abc import Sequence

from tuned.daemon.estimates.starts import CPUS, GPUS, Lane, Running, Turn, foresee, lane_gpus


def start_estimates(
    cpus: int, gpus: int, running: Sequence[Running], waiting: Sequence[int], lanes: dict[int, Lane]
) -> list[float | None]:
    return foresee({CPUS: cpus, GPUS: gpus}, running, [Turn(study_id) for study_id in waiting], lanes).starts


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


def ends(cpus: int, running: Sequence[Running], queue: Sequence[Turn], lanes: dict[int, Lane]) -> list[float | None]:
    return [foresee({CPUS: cpus, GPUS: 2}, running, queue, lanes).ends[study_id] for study_id in lanes]


def test_a_study_is_over_behind_those_that_go_first() -> None:
    lanes = {1: Lane(10.0, 9), 2: Lane(1.0, 9)}
    assert ends(1, [], [Turn(1, 5), Turn(2, 3)], lanes) == [50.0, 53.0]
    assert ends(2, [Running(1, 4.0)], [Turn(2, 3)], lanes) == [6.0, 3.0], "the other slot is free"
    assert ends(2, [Running(1, 4.0), Running(1, 0.0)], [Turn(2, 1)], lanes) == [10.0, 7.0]
    assert ends(2, [], [Turn(1, 7), Turn(2, 4)], lanes) == [35.0, 37.0]
    assert ends(2, [], [Turn(1, 7), Turn(2, 4)], lanes | {1: Lane(10.0, 1)}) == [70.0, 4.0], "one at a time"


def test_nobody_knows_the_end_behind_a_study_without_one() -> None:
    lanes = {1: Lane(10.0, 2), 2: Lane(1.0, 2)}
    assert ends(2, [Running(1, 1.0)], [Turn(1, None), Turn(2, 3)], lanes) == [None, None]
    assert ends(2, [], [Turn(2, 4), Turn(1, None)], lanes) == [None, 2.0], "it goes first"
    assert ends(3, [], [Turn(1, None), Turn(2, 3)], lanes) == [None, 3.0], "a slot is left"
    assert ends(1, [], [Turn(1, 1), Turn(2, 3)], {1: Lane(None, 2), 2: Lane(1.0, 2)}) == [None, None]
    assert ends(2, [], [Turn(1, None, 50.0), Turn(2, 4)], lanes) == [50.0, 52.0], "its time budget is its end"
    assert ends(2, [], [Turn(1, 2, 50.0), Turn(2, 4)], lanes) == [10.0, 12.0]
    assert ends(2, [Running(1, 0.0)], [Turn(1, None, 5.0)], {1: Lane(10.0, 2)}) == [10.0], "the last trial goes on"


def test_slots_of_a_place_are_its_own() -> None:
    lanes = {1: Lane(10.0, 9), 2: Lane(4.0, 9, place="lab")}
    found = foresee({CPUS: 1, lanes[2].pool: 2}, [], [Turn(1, 5), Turn(2, 4)], lanes)
    assert found.ends == {1: 50.0, 2: 8.0}


def test_trials_that_share_cards_give_back_what_they_have() -> None:
    """Six trials on two cards: behind them there are two cards, not six."""
    lanes = {1: Lane(10.0, 6, 1.0, 3), 2: Lane(10.0, 9, 1.0)}
    six = [Running(1, 4.0)] * 6
    assert foresee({GPUS: 2}, six, [Turn(2), Turn(2), Turn(2)], lanes).starts == [6.0, 6.0, 16.0]
    assert foresee({GPUS: 2}, [], [Turn(1, 12)], lanes).ends[1] == 20.0


def test_a_study_of_any_length_is_foreseen_at_once() -> None:
    lanes = {1: Lane(0.5, 8), 2: Lane(1.0, 8)}
    assert ends(8, [], [Turn(1, 10**9), Turn(2, 8)], lanes) == [62_500_000.0, 62_500_001.0]
