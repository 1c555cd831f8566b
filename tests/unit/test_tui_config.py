"""The settings of the terminal UI."""

from __future__ import annotations

from typing import Any

import pytest

from tui.config import Config, OwnCommand, read_config
from tuned.core.errors import InvalidInput


def test_without_a_file_everything_is_as_usual() -> None:
    assert read_config({}) == Config()


def test_every_setting_is_read() -> None:
    found = read_config(
        {
            "view": "studies",
            "bell": ["best", "failed"],
            "notify": True,
            "keys": {"prune": "f6", "kill": ["f7", "f8"]},
            "filters": {"good": "val_loss<0.1"},
            "columns": {"digits": ["acc"]},
            "commands": {"board": {"key": "f5", "run": ["tensorboard", "--logdir", "{folder}"]}},
        }
    )
    assert found.keys == {"prune": ("f6",), "kill": ("f7", "f8")} and found.bell == ("best", "failed")
    assert found.commands == (OwnCommand("board", "f5", ("tensorboard", "--logdir", "{folder}")),)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"vew": "log"}, "ui: there is no 'vew' (did you mean view?)"),
        ({"view": "logs"}, "ui.view: there is no 'logs'"),
        ({"keys": {"prun": "x"}}, "ui.keys: there is no 'prun'"),
        ({"keys": {"prune": "p"}}, "the key p is taken by both pause and prune"),
        ({"bell": ["best", "loud"]}, "ui.bell: there is no 'loud'"),
        ({"notify": 1}, "ui.notify: must be true or false"),
        ({"commands": {"x": {"run": "rm -rf /"}}}, "ui.commands.x.run: must be a list of arguments"),
        ({"commands": {"x": {"run": ["ls", "{home}"]}}}, "cannot fill in '{home}'"),
        ({"commands": {"x": {"key": "j", "run": ["ls"]}}}, "the key j is taken by both down and commands.x"),
    ],
)
def test_what_is_wrong_is_named(table: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput) as error:
        read_config(table)
    assert message in str(error.value)
