"""The account of a card's time adds up, whatever happened on it."""

from __future__ import annotations

from itertools import zip_longest
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuned.core.cards.time import Mark, Stay, Use, card_time, per_mille

MOMENTS = st.integers(0, 100).map(float)


@st.composite
def stays(draw: st.DrawFn) -> Stay:
    claimed, *rest = sorted(draw(st.tuples(MOMENTS, MOMENTS, MOMENTS, MOMENTS)))
    still = sorted(draw(st.lists(MOMENTS, max_size=4, unique=True)))
    pauses = tuple(zip_longest(still[::2], still[1::2], fillvalue=inf))
    return Stay(claimed, *(draw(st.sampled_from([moment, None])) for moment in rest), pauses)


@given(st.lists(stays(), max_size=6), st.lists(st.builds(Mark, MOMENTS, st.sampled_from(Use)), max_size=6), MOMENTS)
def test_every_second_is_in_one_line(held: list[Stay], marks: list[Mark], since: float) -> None:
    account = card_time(held, marks, since, 100.0)
    assert sum(account.values()) == pytest.approx(100.0 - since)
    assert all(seconds > 0 for seconds in account.values())


def test_a_day_of_a_card() -> None:
    held = [Stay(10, 12, None, 20), Stay(20, 21, 28, 30), Stay(22, 23, None, 25), Stay(90, None, None, None)]
    marks = [Mark(0, Use.NOTHING), Mark(9, Use.QUEUED), Mark(32, Use.POINT), Mark(40, Use.LOST)]
    assert card_time(held, marks, 5, 100) == {
        Use.NOTHING: 4,
        Use.QUEUED: 1 + 2,
        Use.STARTING: 2 + 1 + 10,
        Use.TRAINING: 8 + 7,
        Use.SAVING: 2,
        Use.POINT: 8,
        Use.LOST: 50,
    }
    assert card_time([], [], 5, 100) == {Use.UNKNOWN: 95}


def test_a_trial_that_stands_still_does_not_train_and_who_shares_its_card_does() -> None:
    still = Stay(0, 10, 80, 90, ((20, 40), (70, inf)))
    expected = {Use.STARTING: 10, Use.TRAINING: 10 + 30, Use.PAUSED: 20 + 10, Use.SAVING: 10}
    assert card_time([still], [], 0, 90) == expected
    beside = card_time([still, Stay(30, 30, None, 35)], [], 0, 90)
    assert beside == {**expected, Use.TRAINING: 45, Use.PAUSED: 25}


@given(st.dictionaries(st.sampled_from([use.value for use in Use]), st.floats(0.001, 1e7), min_size=1))
def test_rounded_shares_add_up_to_the_whole(uses: dict[str, float]) -> None:
    shares = per_mille(uses)
    assert sum(shares.values()) == 1000
    assert all(abs(shares[use] - 1000 * uses[use] / sum(uses.values())) <= 1 for use in uses)
