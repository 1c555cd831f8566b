"""Whose the processes on a card are, where the driver's numbers mean little."""

from __future__ import annotations

import pytest

from tuned.core.cards.attribution import FOREIGN_BYTES, Found, Whose, judge
from tuned.core.queue.cores import spans

GIB = 2**30


def ours(size: int | None = GIB) -> Found:
    return Found(1, size, Whose.OURS)


def others(size: int | None = GIB) -> Found:
    return Found(2, size, Whose.OTHERS)


def unknown(size: int | None = GIB, pid: int = 3) -> Found:
    return Found(pid, size, Whose.UNKNOWN)


def test_a_stranger_blocks_and_a_small_one_does_not() -> None:
    assert judge([others(FOREIGN_BYTES)], GIB, None, False, 0).blocked == ""
    found = judge([ours(), others()], 2 * GIB, 0, True, 1)
    assert (found.blocked, found.foreign, found.ours) == ("process 2 of somebody else holds 1.0 GiB", GIB, GIB)


def test_in_a_container_what_came_with_our_trial_is_ours() -> None:
    found = judge([unknown()], 3 * GIB, 2 * GIB, True, 1)
    assert (found.blocked, found.note, found.ours) == ("", "", GIB)
    more = judge([unknown(), unknown(pid=4)], 3 * GIB, 2 * GIB, True, 1)
    assert more.blocked == ""
    three = judge([unknown(pid=pid) for pid in (3, 4, 5)], 3 * GIB, 2 * GIB, True, 1)
    assert three.note == "2 processes that are not ours: in a container their owner is not known"
    assert more.note == "1 process that is not ours: in a container their owner is not known"


@pytest.mark.parametrize(("leased", "openers"), [(False, 0), (True, 0)])
def test_in_a_container_it_is_a_strangers_where_no_trial_of_ours_uses_the_card(leased: bool, openers: int) -> None:
    assert judge([unknown()], GIB, 0, leased, openers).blocked == "process 3 of somebody else holds 1.0 GiB"


def test_without_memory_by_process_the_cards_own_figure_says_what_it_can() -> None:
    assert judge([others(None)], 2 * GIB, None, False, 0).blocked == "process 2 of somebody else holds 2.0 GiB"
    found = judge([ours(None), others(None)], 3 * GIB, GIB, True, 1)
    assert (found.blocked, found.ours) == ("", 2 * GIB)
    assert found.note == "the driver does not say how much memory each process holds"
    adopted = judge([ours(None)], 3 * GIB, None, True, 1)
    assert (adopted.blocked, adopted.ours) == ("", None)
    assert judge([], 2 * GIB, None, False, 0).note == "2.0 GiB are in use, and the driver names no process"


@pytest.mark.parametrize(("cores", "text"), [([0, 1, 2, 5], "0-2,5"), ([3], "3"), ([], "")])
def test_cores_in_words(cores: list[int], text: str) -> None:
    assert spans(cores) == text
