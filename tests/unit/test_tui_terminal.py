from __future__ import annotations

import asyncio
import io
import os
import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from textual.events import CursorPosition

from tui import cli
from tui.far_driver import FarDriver
from tui.terminal import watch


def test_a_lost_terminal_is_told_once() -> None:
    answers = iter([True, True, False])
    told: list[str] = []
    watch(lambda: next(answers), lambda: told.append("lost"), threading.Event(), 0.0)
    assert told == ["lost"]


def test_the_watch_ends_with_what_it_watches() -> None:
    ended = threading.Event()
    ended.set()
    watch(lambda: False, lambda: pytest.fail("nothing was lost"), ended, 60.0)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, {"TEXTUAL_ANIMATIONS": "none", "TEXTUAL_FPS": "30"}),
        ({"SSH_CONNECTION": "x"}, {"TEXTUAL_FPS": "15"}),
        ({"NO_COLOR": "1"}, {"TEXTUAL_THEME": "ansi-dark"}),
        ({"TEXTUAL_FPS": "60", "SSH_CONNECTION": "x"}, {"TEXTUAL_FPS": "60"}),
    ],
)
def test_the_environment_that_textual_reads(environ: dict[str, str], expected: dict[str, str]) -> None:
    cli.prepare_environment(environ)
    assert expected.items() <= environ.items()
    assert ("TEXTUAL_THEME" in environ) == ("NO_COLOR" in environ)


def test_without_colour_no_style_has_one(monkeypatch: Any) -> None:
    from tui.palette import NAMES, build

    styles = build({}, ansi=True, colour=False)
    assert set(NAMES) <= set(styles)
    assert all(style.color is None and style.bgcolor is None for style in styles.values())


@pytest.mark.parametrize("ansi", [False, True])
def test_every_style_is_there_even_for_a_theme_that_says_nothing(ansi: bool) -> None:
    from tui.palette import NAMES, build

    assert set(NAMES) <= set(build({}, ansi=ansi, colour=True))


@pytest.fixture
def silent_keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with io.FileIO(os.devnull) as silent:
        monkeypatch.setattr(sys, "__stdin__", silent)
        yield


@pytest.mark.usefixtures("silent_keyboard")
async def test_a_far_terminal_gets_the_next_frame_when_the_last_one_has_arrived() -> None:
    sent: list[str] = []
    arrived: list[bool] = []
    later = SimpleNamespace(write=sent.append)
    app = SimpleNamespace(
        size=SimpleNamespace(width=10), call_later=lambda call: call(), frame_arrived=lambda: arrived.append(True)
    )
    driver = FarDriver(app)
    driver._writer_thread = later  # type: ignore[assignment]

    async def frame(text: str) -> bool:
        driver.write(f"\x1b[1;1H{text}\x1b[0m\r\n")
        driver.flush()
        return driver.in_flight

    async def answer() -> None:
        driver.process_message(CursorPosition(0, 0))
        await asyncio.sleep(0)
        assert not driver.in_flight

    assert await frame("a" * 10) and sent.pop() == "\x1b[1;1H" + "a" * 10 + "\x1b[6n"
    await answer()
    assert not await frame("a" * 10) and not sent
    assert await frame("a" * 9 + "b") and sent.pop() == "\x1b[1;10Hb\x1b[6n"
    await answer()
    driver.forget()
    assert await frame("a" * 9 + "b") and len(sent.pop()) > 10
    assert len(arrived) == 2
    # A terminal that gives no answers any more is drawn on without a pace.
    driver._answers = False
    driver._give_up()
    assert not await frame("c" * 10) and "c" * 10 in sent.pop()
