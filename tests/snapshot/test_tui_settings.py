"""The `[ui]` table of config.toml."""

from __future__ import annotations

from typing import Any


async def test_the_configuration_gives_keys_filters_columns_a_view_and_commands(start: Any) -> None:
    from tui.config import read_config

    config = read_config(
        {
            "view": "log",
            "keys": {"prune": "f6"},
            "filters": {"live": "state:run"},
            "commands": {"say": {"key": "f5", "run": ["echo", "{target}", "{folder}; rm"]}},
            "bell": ["failed"],
        }
    )
    async with start(130, 36, config=config) as ui:
        await ui.until(lambda: ui.app.screen.current == "log", "the first view")
        await ui.press("1", "x")
        assert "Prune #" not in ui.text()
        await ui.press("f6")
        await ui.until_text("Prune #22?")
        await ui.press("escape", "colon", *"filter li", "down", "enter")
        await ui.until_text("Trials 2 of 24")
        await ui.press("f5")
        await ui.until_text("press it once more")
        await ui.idle()
        await ui.until(lambda: ui.store.detail is not None, "its folder")
        await ui.press("f5")
        await ui.until_text("digits/22 /fake/runs/digits/22/1; rm")
        rung: list[bool] = []
        ui.app.bell = lambda: rung.append(True)
        ui.fake.move(21, "failed")
        await ui.until(lambda: rung == [True], "the bell")


async def test_a_read_only_ui_runs_no_command_of_ones_own(start: Any) -> None:
    from tui.config import read_config

    config = read_config({"commands": {"say": {"key": "f5", "run": ["echo", "ran"]}}})
    async with start(config=config, read_only=True) as ui:
        await ui.press("f5")
        await ui.until_text("read-only (leave")
