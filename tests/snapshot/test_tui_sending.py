"""Lines that are on their way to the daemon when the next key comes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.snapshot.fake_client import sent


@pytest.fixture
def gate(fake: Any) -> asyncio.Event:
    """Holds the answer to a new trial until it is set."""
    enqueue, event = fake.enqueue, asyncio.Event()

    async def late(*words: Any) -> Any:
        await event.wait()
        return await enqueue(*words)

    fake.enqueue = late
    return event


async def test_a_second_enter_sends_nothing_a_second_time(start_on_21: Any, gate: asyncio.Event) -> None:
    async with start_on_21() as ui:
        await ui.press("n", *"lr=0.01", "enter", "enter")
        await ui.until_text("sending")
        gate.set()
        await ui.until_text("queued #25  u takes it back")
        await ui.until_text("Trials 25")
        assert [call[0] for call in sent(ui)] == ["enqueue"]


async def test_a_line_closed_while_it_was_sent_tells_its_outcome(start_on_21: Any, gate: asyncio.Event) -> None:
    async with start_on_21() as ui:
        await ui.press("n", *"lr=0.01", "enter", "escape")
        await ui.until_text("Trials 24")
        await ui.press("question_mark")
        gate.set()
        await ui.until(lambda: sent(ui), "queued")
        await ui.until_text("Scroll")
        await ui.press("escape")
        await ui.until_text("queued #25  u takes it back")


async def test_a_page_of_output_does_not_come_between_a_person_and_a_question(start_on_21: Any) -> None:
    from tests.snapshot.fake_tunectl import Typed

    class Late(Typed):
        async def run(self, arguments: Any, width: int, told: Any) -> int:
            await asked.wait()
            return await super().run(arguments, width, told)

    asked = asyncio.Event()
    async with start_on_21() as ui:
        ui.app.tunectl = Late(["one", "two"])
        await ui.press("colon", *"why digits", "enter", "n", *"lr=")
        asked.set()
        for _ in range(20):
            await ui.press(*"1")
        assert "New trial" in ui.text() and "two" not in ui.text()
        await ui.press("escape")
        await ui.until_text("two")
