"""When our trials leave a card for somebody else, and when they come back."""

from __future__ import annotations

from typing import Any

import pytest

from tuned.core.errors import InvalidInput
from tuned.core.queue.polite import Politeness, Presence, politeness_of, seen

SETTINGS = Politeness(after=30.0, back_after=300.0)


def play(*looks: tuple[float, bool], kept: bool = False) -> list[str]:
    presence, acts = Presence(0.0, kept=True) if kept else Presence(), []
    for now, there in looks:
        presence, act = seen(presence, there, SETTINGS, now)
        acts.append(act)
    return acts


def test_trials_leave_after_a_while_and_return_after_a_quiet_one() -> None:
    looks = [(0, True), (29, True), (30, True), (35, True), (40, False), (339, False), (340, False), (345, False)]
    assert play(*looks) == ["", "", "leave", "", "", "", "return", ""]


def test_a_short_visit_and_a_short_pause_change_nothing() -> None:
    assert play((0, True), (20, False), (40, True), (60, True), (70, True)) == ["", "", "", "", "leave"]
    assert play((0, True), (30, True), (40, False), (60, True), (350, False), (400, False)) == ["", "leave", *[""] * 4]


def test_a_card_that_a_person_took_back_is_kept_until_it_was_quiet() -> None:
    looks = [(0, True), (100, True), (200, False), (500, False), (600, True), (630, True)]
    assert play(*looks, kept=True) == [*[""] * 5, "leave"]


@pytest.mark.parametrize(
    ("table", "where"),
    [({"memry": 1}, "gpu.memry"), ({"after": "soon"}, "gpu.after"), ({"whose": "mine"}, "gpu.whose")],
)
def test_wrong_settings_are_named(table: dict[str, Any], where: str) -> None:
    with pytest.raises(InvalidInput, match=where):
        politeness_of(table)


def test_settings_are_read() -> None:
    table = {"memory": "2GiB", "after": "1m", "back_after": 5, "whose": "all"}
    assert politeness_of(table) == Politeness(2 * 2**30, 60.0, 5.0, "all")
