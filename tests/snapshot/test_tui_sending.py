"""Lines that are on their way when the next key comes, logs that are saved or searched in part."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from tests.snapshot.fake_client import sent
from tuned.core.errors import Unavailable


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


async def test_of_a_log_that_was_saved_in_part_nothing_is_left(start_on_21: Any, fake: Any, tmp_path: Any) -> None:
    log, there = fake.log, asyncio.Event()

    async def broken(study: str, number: int, **how: Any) -> Any:
        if not there.is_set() and how.get("offset", 0) > 0:
            raise Unavailable("no daemon answers", where="/fake/tuned.sock", hint="start one")
        return await log(study, number, **how)

    async with start_on_21() as ui:
        await ui.press("4")
        await ui.until_text("epoch 11")
        fake.log = broken
        await ui.press("W", "ctrl+u", *str(tmp_path / "log"), "enter")
        await ui.until_text("no daemon answers")
        assert list(tmp_path.iterdir()) == []
        there.set()
        await ui.press("enter")
        await ui.until(lambda: (tmp_path / "log").exists(), "saved")


async def test_what_was_cut_out_of_a_log_is_said_when_it_is_searched(start_on_21: Any, fake: Any) -> None:
    fake.logs[21] = "a\nTraceback (most recent call last):\nb\n"
    find = fake.find_in_log

    async def found(*words: Any, **how: Any) -> Any:
        return replace(await find(*words, **how), cut=5_000_000)

    fake.find_in_log = found
    async with start_on_21() as ui:
        await ui.press("4")
        await ui.until_text("Traceback")
        await ui.press("E")
        await ui.until_text("of the log were cut out on the way here")
        fake.logs[21] = "a\nb\n"
        await ui.press("E")
        await ui.until_text("is not in the log as far as it is kept")
