"""The mouse: every key that a line names, tabs, rows, the wheel, double clicks."""

from __future__ import annotations

from typing import Any

import pytest

from tests.snapshot.fake_client import sent


async def click(ui: Any, text: str, *, line: str = "", **how: Any) -> None:
    """Press the mouse on a text; of several lines the last one, or the one that holds `line`."""
    y, found = [(y, row) for y, row in enumerate(ui.text().splitlines()) if text in row and line in row][-1]
    await ui.pilot.click(offset=(found.index(text), y), **how)
    ui.app.tick()
    await ui.pilot.pause()


@pytest.mark.parametrize(
    ("key", "tab", "pane"), [("enter", "Log", "log"), ("S", "Versions", "versions"), ("i", "Advice", "verdicts")]
)
async def test_a_click_on_a_tab_shows_its_pane(start_on_21: Any, key: str, tab: str, pane: str) -> None:
    async with start_on_21() as ui:
        await ui.press(key)
        await ui.idle()
        await click(ui, tab, line="2 ")
        assert ui.app.screen.current == pane


async def test_tabs_are_where_they_are_drawn(start_on_21: Any, fake: Any) -> None:
    fake.gpus = True
    async with start_on_21() as ui:
        await ui.pilot.click(offset=(ui.text().splitlines()[1].index("5 Events") - 1, 1))
        assert ui.app.screen.current == "events"
        ui.app.context.say("a message that leaves no room for the names of the tabs, as some do")
        await ui.press()
        await ui.pilot.click(offset=(25, 1))
        assert ui.app.screen.current == "events"


async def test_a_click_answers_a_question(start_on_21: Any) -> None:
    async with start_on_21() as ui:
        for words in ("Keep", "#21 (", "Kept"):
            await ui.press("K")
            await click(ui, words)
            assert sent(ui) == []
            await ui.press("escape")
        await ui.press("K")
        await click(ui, "y Kill")
        await ui.until(lambda: sent(ui) == [("kill", ("digits/21",))], "an order")


async def test_a_click_beside_a_menus_lines_chooses_nothing(start_on_21: Any) -> None:
    async with start_on_21() as ui:
        await ui.press("full_stop", *"j" * 30)
        await click(ui, "Commands")
        assert "esc Close" in ui.text()
        await click(ui, "esc Close")
        assert "Trials 24" in ui.text()
        await ui.press("full_stop", *"j" * 30)
        await click(ui, "report digits")
        await ui.until_text("report digits -o sweep.html")
        await ui.press("escape", "F")
        await ui.until_text("Retry these")
        await click(ui, "Retry these")
        await ui.until(lambda: sent(ui)[-1][0] == "retry", "a retry")


async def test_the_wheel_scrolls_what_is_under_the_mouse(start: Any) -> None:
    async with start(160, 45) as ui:
        for number in range(1, 20):
            ui.fake.push("trial.priority", number=number, **{"from": 0, "to": 1})
        await ui.until_text("#19 priority")
        chosen, main = ui.store.selected, ui.app.screen
        pane = main.panes["events"]
        for _ in range(4):
            pane.post_message(pane.Wheel("events", -3))
        await ui.press()
        assert "#19 priority" not in ui.text() and (ui.store.selected, main.current) == (chosen, "trials")
        await ui.press("o")
        pane = ui.app.screen.pane
        pane.post_message(pane.Wheel("menu", -3))
        await ui.press("enter")
        assert ui.app.context.rows.sort == "state"


async def test_a_click_in_events_and_slots_moves_their_cursor_and_a_double_one_opens(start: Any) -> None:
    async with start(160, 45) as ui:
        for number in (3, 5, 8):
            ui.fake.push("trial.priority", number=number, **{"from": 0, "to": 1})
        await ui.until_text("#8 priority")
        await click(ui, "#5 priority")
        assert "1 newer" in ui.text()
        await click(ui, "1 CPU")
        await ui.until_text("▌1 CPU")
        await click(ui, "#13 ", button=3)
        assert ui.store.selected != 13
        await click(ui, "#13 ", times=2)
        await ui.until_text("digits › #13")


async def test_a_long_question_keeps_its_keys_in_sight(start: Any) -> None:
    async with start() as ui:
        ui.app.screen.ask(("Cancel 30 studies?", *(f"study {number}" for number in range(30))), "Cancel", lambda: None)
        await ui.until_text("esc Keep")
        assert "more lines)" in ui.text() and "study 0" in ui.text() and "study 29" in ui.text()


async def test_a_click_in_the_advice_chooses_a_verdict_and_a_double_one_asks_for_its_command(start_on_21: Any) -> None:
    async with start_on_21() as ui:
        ui.fake.more_advice = 9
        await ui.press("i")
        await ui.until_text("near-bound")
        await ui.press("3")
        await click(ui, "Verdict 3.")
        assert "▌" in next(row for row in ui.text().splitlines() if "Verdict 3." in row)
        await ui.press(*"jjjj")
        seen = ui.text()
        await click(ui, "Verdict 6.", times=2)
        await ui.until_text("Run it")
        await ui.press("escape")
        await ui.until_text("Verdict 6.")
        assert "Verdict 7." in seen, "a verdict in sight is chosen where it stands"
