"""Verbs that are typed behind `:`, as on the command line."""

from __future__ import annotations

from typing import Any

import pytest

from tests.snapshot.fake_tunectl import Typed


async def test_any_verb_is_typed_completed_and_remembered(start_on_21: Any) -> None:
    async with start_on_21() as ui:
        tunectl = ui.app.tunectl = Typed(["digits: search.trials 40 -> 80"])
        await ui.press("colon", *"se", "down", "up", *"t dig")
        await ui.until_text("Change a study while it runs")
        await ui.press("down", "enter", "space", *"search.", "tab")
        await ui.until_text("search.parallel=")
        await ui.press("enter", *"+40", "enter")
        await ui.until_text("search.trials 40 -> 80")
        assert tunectl.ran == [("set", "digits", "search.trials=+40")]
        tunectl.lines = ["one", "[two]", "three"]
        await ui.press("colon", "up", "enter")
        await ui.until_text("[two]")
        await ui.press("escape")
        assert len(tunectl.ran) == 2 and "Trials 24" in ui.text()


async def test_a_typed_verb_that_loses_something_asks(start_on_21: Any) -> None:
    async with start_on_21() as ui:
        tunectl = ui.app.tunectl = Typed(["deleted"])
        await ui.press("colon", *"delete digits", "enter")
        await ui.until_text("delete digits?")
        await ui.press("enter")
        assert tunectl.ran == []
        await ui.press("colon", *"delete digits", "enter", "y")
        await ui.until(lambda: tunectl.ran == [("delete", "digits", "--yes")], "deleted")
        await ui.press("colon", *"submit next.toml --replace", "enter")
        await ui.until_text("Lost: with --replace")
        await ui.press("enter", "colon", *"submit next.toml", "enter")
        await ui.until(lambda: tunectl.ran[1:] == [("submit", "next.toml")], "a plain submit asks nothing")


async def test_a_command_that_goes_on_is_ended_with_its_page(start_on_21: Any) -> None:
    import asyncio

    class Endless(Typed):
        async def run(self, arguments: Any, _width: int, told: Any) -> int:
            told("first line")
            try:
                await asyncio.Event().wait()
            finally:
                self.ran.append(("ended",))
            return 0

    async with start_on_21() as ui:
        tunectl = ui.app.tunectl = Endless([])
        await ui.press("colon", *"logs -f digits/21", "enter")
        await ui.until_text("first line")
        await ui.press("escape")
        await ui.until(lambda: tunectl.ran == [("ended",)], "ended")
        await ui.until_text("Trials 24")


@pytest.mark.parametrize(
    ("text", "shows"),
    [("other", "Trials 1"), ("digits/19", "› #19"), ("sort lr", "lr ▲"),
     ("sort metrics.train_loss", "metrics.train_loss ▲"), ("filter state:run", "Trials 2 of 24"),
     ("filter nope<1", "trials have no"), ("theme nord", "Trials 24"), ("prune 'x", "no closing quotation"),
     ("ui ", "needs a terminal of its own")],
)  # fmt: skip
async def test_a_typed_line_goes_places(start_on_21: Any, text: str, shows: str) -> None:
    async with start_on_21() as ui:
        await ui.press("colon", *text, "enter")
        await ui.until_text(shows)


async def test_a_read_only_ui_runs_no_verb_that_changes_anything(start_on_21: Any) -> None:
    async with start_on_21(read_only=True) as ui:
        tunectl = ui.app.tunectl = Typed(["ok"])
        await ui.press("colon", *"set digits search.trials=9", "enter")
        await ui.until_text("read-only")
        await ui.press("colon", *"why digits", "enter")
        await ui.until(lambda: tunectl.ran == [("why", "digits")], "a reading verb")


async def test_the_name_of_a_study_goes_before_an_action_that_only_begins_like_it(start_on_21: Any, fake: Any) -> None:
    fake.trials_of["play"], fake.studies_state["play"], fake.priorities["play"] = {}, "running", 0
    async with start_on_21() as ui:
        await ui.press("colon", *"play", "enter")
        await ui.until(lambda: ui.store.study == "play", "the study")
