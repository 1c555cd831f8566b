"""What a notify command is given, how often it is run, and when a trial counts as stuck."""

from __future__ import annotations

import pytest

from tuned.core.study.notices import EVERY_S, MOST_AN_HOUR, QUIET_S, Notice, Rate, is_stuck, parse_command, render


def notice(kind: str = "best", text: str = "loss 0.5") -> Notice:
    return Notice("digits", kind, "digits: {text}", text)


def test_placeholders_are_filled_once_and_other_braces_stay() -> None:
    command = ["curl", "-d", '{"text": "{title}"}', "{text}{kind}", "{nothing", "{study}/{unknown}"]
    assert render(command, notice()) == [
        "curl", "-d", '{"text": "digits: {text}"}', "loss 0.5best", "{nothing", "digits/{unknown}",
    ]  # fmt: skip


@pytest.mark.parametrize("value", [[], [""], ["a", 1], "notify-send", ["a\0b"]])
def test_what_is_no_command(value: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_command(value)


def test_of_many_new_bests_the_latest_is_told_when_its_time_comes() -> None:
    rate = Rate()
    assert rate.offer(notice(text="1"), 0.0)
    assert not rate.offer(notice(text="2"), 10.0)
    assert not rate.offer(notice(text="3"), 20.0)
    assert rate.offer(notice("done"), 20.0), "another kind has its own clock"
    assert rate.due(EVERY_S["best"] - 1.0) == []
    assert [n.text for n in rate.due(EVERY_S["best"])] == ["3"]
    assert rate.due(1e6) == []


def test_a_study_never_rings_more_often_than_so_in_an_hour() -> None:
    rate = Rate()
    told = sum(rate.offer(notice("failing"), 100.0 * i) for i in range(36))
    assert told == MOST_AN_HOUR
    rate.forget("digits")
    assert rate.offer(notice("failing"), 3599.0)


def test_stuck_is_measured_by_the_trials_own_pace() -> None:
    assert not is_stuck(QUIET_S, 10.0, 100, None)
    assert is_stuck(QUIET_S + 1, 10.0, 100, None)
    assert not is_stuck(3600.0, 4000.0, 10, None), "ten times its pace is not reached"
    assert is_stuck(4001.0, 4000.0, 10, None)
    assert not is_stuck(3600.0, 0.0, 0, None) and is_stuck(5 * 3600.0, 0.0, 0, None)
    assert not is_stuck(3600.0, 0.0, 0, 1300.0) and is_stuck(4000.0, 0.0, 0, 1300.0)
