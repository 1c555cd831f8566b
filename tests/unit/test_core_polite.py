"""When our trials leave a card for somebody else, and when they come back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tuned.core.cards.polite import Politeness, Presence, Quiet, politeness_of, quiet_since, quiet_until, seen
from tuned.core.errors import InvalidInput

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
    [
        ({"memry": 1}, "gpu.memry"),
        ({"after": "soon"}, "gpu.after"),
        ({"whose": "mine"}, "gpu.whose"),
        ({"utilisation": "200%"}, "gpu.utilisation"),
        ({"quiet": {"from": "08:00"}}, r"gpu.quiet: is a list of tables"),
        ({"quiet": [{"from": "08:00"}]}, r"gpu.quiet: has no to"),
        ({"quiet": [{"from": "8", "to": "18:00"}]}, r"gpu.quiet: '8' is no time of day"),
        ({"quiet": [{"from": "08:00", "to": "18:00", "days": ["Monday"]}]}, "they are mon, tue"),
        ({"quiet": [{"from": "08:00", "to": "08:00"}]}, "from 00:00 to 24:00"),
        ({"quiet": [{"from": "08:00", "to": "18:00", "card": 0}]}, "card is no setting of quiet hours"),
    ],
)
def test_wrong_settings_are_named(table: dict[str, Any], where: str) -> None:
    with pytest.raises(InvalidInput, match=where):
        politeness_of(table)


def test_settings_are_read() -> None:
    quiet = {"cards": [1], "days": ["mon", "sun"], "from": "22:00", "to": "6:30"}
    table = {"memory": "2GiB", "utilisation": "5%", "after": "1m", "back_after": 5, "whose": "all", "quiet": [quiet]}
    hours = Quiet((1,), (0, 6), 22 * 60, 6 * 60 + 30)
    assert politeness_of(table) == Politeness(2 * 2**30, 5.0, 60.0, 5.0, "all", (hours,))


def test_who_computes_with_little_memory_works_there_too() -> None:
    settings = Politeness()
    assert [settings.works(*one) for one in ((2**20, 0.0), (2**20, 60.0), (2**30, 0.0))] == [False, True, True]


def rules(**over: Any) -> tuple[Quiet, ...]:
    return politeness_of({"quiet": [{"from": "08:00", "to": "18:00", **over}]}).quiet


@pytest.mark.parametrize(
    ("over", "at", "until"),
    [
        ({}, "2026-03-02 08:00", "18:00"),
        ({}, "2026-03-02 17:59", "18:00"),
        ({}, "2026-03-02 18:00", ""),
        ({"cards": [1]}, "2026-03-02 09:00", ""),
        ({"days": ["sat"]}, "2026-03-07 09:00", "18:00"),
        ({"days": ["sat"]}, "2026-03-08 09:00", ""),
        ({"from": "00:00", "to": "24:00"}, "2026-03-02 23:59", "24:00"),
        # Over midnight they belong to the day on which they begin: from Friday's evening to Saturday's morning.
        ({"from": "22:00", "to": "06:00", "days": ["fri"]}, "2026-03-06 22:00", "06:00"),
        ({"from": "22:00", "to": "06:00", "days": ["fri"]}, "2026-03-07 05:59", "06:00"),
        ({"from": "22:00", "to": "06:00", "days": ["fri"]}, "2026-03-06 05:59", ""),
        ({"from": "22:00", "to": "06:00", "days": ["sun"]}, "2026-03-02 01:00", "06:00"),
    ],
)
def test_quiet_hours_go_by_the_clock(over: dict[str, Any], at: str, until: str) -> None:
    assert quiet_until(rules(**over), 0, datetime.fromisoformat(at)) == until


def test_hours_that_lie_over_each_other_are_one() -> None:
    tables = [{"from": "00:00", "to": "16:00", "cards": [0]}, {"from": "15:00", "to": "23:00"}]
    hours = politeness_of({"quiet": [*tables, {"from": "23:00", "to": "02:00", "days": ["mon"]}]}).quiet
    ends = [
        quiet_until(hours, card, datetime.fromisoformat(f"2026-03-0{day} 15:30"))
        for card, day in ((0, 3), (1, 3), (1, 2))
    ]
    assert ends == ["23:00", "23:00", "02:00"]
    assert quiet_until(hours, 1, datetime.fromisoformat("2026-03-03 14:00")) == ""
    always = politeness_of({"quiet": [{"from": "00:00", "to": "24:00"}]}).quiet
    assert quiet_until(always, 0, datetime.fromisoformat("2026-03-03 14:00")) == "24:00"
    begin = datetime.fromisoformat("2026-03-02 15:00")
    found = [quiet_since(hours, 1, begin, begin + timedelta(hours=later)) for later in (0, 9, 11, 24)]
    assert found == [True, True, False, False], "the same hours, not those of the next day"


@pytest.mark.parametrize(("day", "quiet"), [("2026-03-28", 4), ("2026-03-29", 3), ("2026-10-25", 5), ("2026-10-26", 4)])
def test_quiet_hours_are_those_of_the_wall_when_clocks_change(day: str, quiet: int) -> None:
    """From 00:00 to 04:00 in Berlin, by hours that really pass: one less in March, one more in October."""
    zone, hours = ZoneInfo("Europe/Berlin"), rules(**{"from": "00:00", "to": "04:00"})
    midnight = datetime.fromisoformat(day).replace(tzinfo=zone).timestamp()
    at = [datetime.fromtimestamp(midnight + 3600 * n, zone).replace(tzinfo=None) for n in range(12)]
    assert sum(bool(quiet_until(hours, 0, moment)) for moment in at) == quiet
