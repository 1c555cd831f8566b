"""The steps of a playbook on the screen: where a study is, which trials are not of its search, steering a step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.snapshot.fake_client import FakeClient


@pytest.fixture
def fake() -> FakeClient:
    made = FakeClient()
    made.take_steps()
    return made


def steered(fake: FakeClient) -> list[str]:
    """What was done to the step `confirm`."""
    return [str(call[0])[5:] for call in fake.calls if str(call[0]).startswith("step ") and call[1] == "confirm"]


@pytest.mark.parametrize(("width", "height"), [(40, 12), (80, 24), (160, 45), (160, 60)])
async def test_the_main_screen(start: Any, golden: Callable[[str, str], None], width: int, height: int) -> None:
    async with start(width, height) as ui:
        assert "18/40" in ui.text(), "repetitions are no trials of the search"
        golden(f"playbook-{width}x{height}", ui.text())


async def test_the_steps_are_listed_and_steered(start: Any, fake: Any, golden: Callable[[str, str], None]) -> None:
    async with start(80, 24) as ui:
        await ui.press("B")
        golden("steps-80x24", ui.text())
        assert "confirm" in ui.text()
        await ui.press("enter", "enter")
        await ui.until(lambda: steered(fake) == ["pause"], "the step is paused")
        await ui.until_text("pause step: digits confirm  u undoes")
        await ui.until_text("waits for you: step confirm")
        await ui.press("u")
        await ui.until(lambda: steered(fake) == ["pause", "resume"], "undone")
        await ui.press("B", "enter", "j", "enter")
        await ui.until_text("Skip the step confirm of digits?")
        await ui.press("enter")
        assert steered(fake) == ["pause", "resume"], "enter does not confirm"
        await ui.press("B", "enter", "j", "enter", "y")
        await ui.until(lambda: steered(fake)[2:] == ["skip"], "skipped")
        await ui.press("5")
        await ui.until_text("step confirm skipped by you")


async def test_steps_can_be_looked_at_read_only(start: Any, fake: Any) -> None:
    async with start(80, 24, read_only=True) as ui:
        await ui.press("B", "enter")
        assert "confirm: running" in ui.text() and not steered(fake)
