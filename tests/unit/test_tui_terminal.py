from __future__ import annotations

import threading
from typing import Any

import pytest

from tui import cli
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
