"""The `[ui]` table of config.toml."""

from __future__ import annotations

from typing import Any

import pytest


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


async def test_the_bell_rings_for_what_happened_while_the_line_was_down(start_on_21: Any) -> None:
    from tui.config import read_config

    async with start_on_21(config=read_config({"bell": ["failed"]})) as ui:
        rung: list[bool] = []
        ui.app.bell = lambda: rung.append(True)
        ui.fake.push("trial.priority", number=3, **{"from": 0, "to": 1})
        await ui.until(lambda: ui.store.cursor, "an event")
        ui.fake.drop()
        await ui.until_text("no daemon")
        ui.fake.move(21, "failed")
        ui.fake.come_back()
        await ui.until(lambda: ui.store.connected, "connected again")
        await ui.press()
        assert rung == [True]


async def test_keys_are_written_as_they_are_shown(start_on_21: Any) -> None:
    from tui.config import read_config

    config = read_config({"keys": {"kill": "F6", "filter": ["&", ","], "prune": "esc", "back": "backspace"}})
    assert config.keys == {
        "kill": ("f6",), "filter": ("ampersand", "comma"), "prune": ("escape",), "back": ("backspace",)
    }  # fmt: skip
    async with start_on_21(config=config) as ui:
        await ui.press("comma", "4")
        assert ui.app.context.rows.filter.text == "4"


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"keys": {"kill": "/"}}, "the key / is taken by both filter and kill"),
        ({"keys": {"kill": "F66"}}, "there is no key 'F66'"),
        ({"keys": {"kill": []}}, "needs a key"),
        ({"keys": {"kill": "ctrl+z"}}, "the key ctrl+z is taken by both"),
        ({"filters": {"good": "lr<"}}, "ui.filters.good: nothing follows lr<"),
        ({"filters": {"good": "state:nope"}}, "ui.filters.good"),
        ({"commands": {"a": {"run": ["ls", "{study.x}"]}}}, "cannot fill in '{study.x}'"),
        ({"commands": {"a": {"key": "Q", "run": ["ls"]}}}, "the key Q is taken by both queue and commands.a"),
        ({"commands": {"a": {"key": "f55", "run": ["ls"]}}}, "there is no key 'f55'"),
    ],
)
def test_what_the_configuration_gets_wrong_is_told(table: Any, says: str) -> None:
    from tui.config import read_config
    from tuned.core.errors import InvalidInput

    with pytest.raises(InvalidInput) as caught:
        read_config(table)
    assert says in str(caught.value)


async def test_a_command_of_ones_own_means_the_trial_that_other_keys_mean(start_on_21: Any) -> None:
    from tui.config import read_config

    config = read_config({"commands": {"say": {"key": "f5", "run": ["echo", "{target}", "{folder}"]}}})
    async with start_on_21(config=config) as ui:
        await ui.press("Q")
        await ui.idle()
        await ui.press("j", "j", "f5")
        await ui.until_text("digits/23 /fake/runs/digits/23/1")
        await ui.press("escape", "colon", *"say", "enter")
        await ui.until_text("digits/21 /fake/runs/digits/21/1")
        await ui.press("space", "space", "f5")
        await ui.until_text("2 are marked")
        await ui.press("U", "s", "f5")
        await ui.until_text("say is for trials: press 1")
        await ui.press("question_mark", "slash", *"echo")
        await ui.until_text("echo {target}")


async def test_messages_name_the_keys_that_were_given(start: Any) -> None:
    from tui.config import read_config

    config = read_config({"keys": {"pane-1": "f6", "back": ["f7"], "ended": "f8"}})
    async with start(config=config) as ui:
        await ui.press("slash", *"lr>99", "enter")
        await ui.until_text("f7 clears it")
        await ui.press("f7", "s", "slash", *"nothing", "enter")
        await ui.until_text("f7 clears, f8 shows those that have ended")
        await ui.press("f7", "H")
        await ui.until_text("press f6 for the trials")


async def test_what_can_be_undone_and_what_waits_for_someone_name_the_given_keys(start_on_21: Any) -> None:
    from tui.config import read_config

    config = read_config({"keys": {"undo": "f6", "steps": "f7", "pane-1": "f8"}})
    async with start_on_21(config=config) as ui:
        await ui.press("plus")
        await ui.until_text("f6 undoes")
        await ui.press("s", "y")
        await ui.until_text("is for trials: press f8")
        ui.fake.take_steps()
        ui.fake.steps = [step for step in ui.fake.steps if step.state == "paused"]
        ui.fake.push("step.moved")
        await ui.until_text("step finalize (f7)")


async def test_tabs_name_the_given_keys_and_a_click_shows_them_all_the_same(start_on_21: Any) -> None:
    from tui.config import read_config

    config = read_config({"keys": {"studies": "ctrl+s", "pane-1": "f8", "pane-4": ["f9", "9"]}})
    async with start_on_21(120, 30, config=config) as ui:
        await ui.press("2")
        tabs = ui.text().splitlines()[1]
        assert tabs.startswith("  ctrl+s Studies  f8 Trials [2 Curves] 3 ")
        assert " 9 Log " in tabs
        await ui.pilot.click(offset=(tabs.index("9 Log"), 1))
        await ui.until(lambda: ui.app.screen.current == "log", "the tab that was clicked")
