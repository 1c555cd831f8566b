"""Keys act on what is in sight: in the list of studies on the one under the cursor, on trials where these are shown."""

from __future__ import annotations

from typing import Any

import pytest

from tests.snapshot.fake_client import sent


@pytest.mark.parametrize("key", ["v", "V", "e", "y", "C", "W", "H", "R"])
async def test_in_the_list_of_studies_a_key_for_trials_does_nothing(start_on_21: Any, key: str) -> None:
    async with start_on_21() as ui:
        ui.app.screen.show("studies")
        await ui.press(key)
        assert "Studies 2" in ui.text() and not ui.app.context.rows.marks and not ui.store.pinned and not sent(ui)


@pytest.mark.parametrize("key", ["v", "asterisk", "space", "V", "e", "y", "C", "W", "p", "R", "t", "plus", "x", "P"])
async def test_where_no_trial_is_shown_none_is_acted_on(start_on_21: Any, key: str) -> None:
    async with start_on_21() as ui:
        await ui.press("5", key)
        assert ui.app.screen.current == "events" and ui.app.context.current_message() is not None
        assert ui.app.screen is ui.app.screen_stack[0] and not ui.app.context.rows.marks and not sent(ui)


async def test_a_range_of_studies_is_marked(start_on_21: Any) -> None:
    async with start_on_21() as ui:
        ui.app.screen.show("studies")
        await ui.press("space", "v")
        assert ui.app.context.studies == set(ui.store.studies)


@pytest.mark.parametrize(("key", "shows"), [("n", "New trial"), ("full_stop", "set other[bold]"), ("S", "Space")])
async def test_in_the_list_of_studies_a_key_for_a_study_means_the_one_under_the_cursor(
    start_on_21: Any, key: str, shows: str
) -> None:
    async with start_on_21() as ui:
        ui.app.screen.show("studies")
        await ui.press("j", key)
        await ui.until_text(shows)
        assert ui.store.study == "other[bold]"


async def test_the_best_trial_is_shown_where_one_goes_to_it(start_on_21: Any) -> None:
    async with start_on_21() as ui:
        await ui.press("5", "b")
        await ui.until_text("▌━  #19")


async def test_marks_that_are_not_in_sight_are_left_alone(start_on_21: Any) -> None:
    async with start_on_21(40, 12) as ui:
        await ui.press("space", "space", "g", "4", "x")
        await ui.until_text("Prune #22?")


async def test_keys_for_the_log_want_it_shown(start_on_21: Any, fake: Any) -> None:
    fake.logs[21] = "a\nTraceback (most recent call last):\nb\n"
    async with start_on_21() as ui:
        await ui.press("4")
        await ui.until_text("Traceback")
        await ui.press("1", "E")
        await ui.until_text("show the log first")


async def test_the_best_of_those_compared_has_ended_and_marks_without_room_are_told(start_on_21: Any) -> None:
    """#22 runs, and has a lower value than #19 so far."""
    async with start_on_21() as ui:
        ui.app.context.rows.marks = {22, 19, 18, 15, 14}
        await ui.press("C")
        await ui.until_text("Compare #14 #15 #18 #19")
        assert "the first 4 of 5 marked" in ui.text()
        await ui.press("escape")
        ui.app.context.rows.marks = {22, 19}
        await ui.press("C")
        await ui.until_text("Compare #19 #22")
        assert "marked" not in ui.text()
        (values,) = (row for row in ui.app.screen.parts()["table"](80, 12) if row[0][0].startswith(" val_loss"))
        assert [style for _, style in values][:3] == ["dim", "best", "text"]
