from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tui.actions import ACTIONS, Danger, for_scope, shown
from tui.cells import text_of
from tui.command_line import matching
from tui.glyphs import UNICODE
from tui.keymap import renewed
from tui.screens.compare import Compare
from tui.screens.help import entries, help_lines
from tui.screens.insight import Insight
from tui.screens.main import Main
from tui.screens.queue import QueueScreen
from tui.screens.space import SpaceScreen
from tui.screens.trial import TrialScreen

SCREENS = {
    "main": Main,
    "trial": TrialScreen,
    "queue": QueueScreen,
    "compare": Compare,
    "insight": Insight,
    "space": SpaceScreen,
}


@pytest.mark.parametrize("scope", SCREENS)
def test_a_key_means_one_thing_on_a_screen(scope: str) -> None:
    keys = Counter(key for action in for_scope(scope) for key in action.keys)
    assert [key for key, count in keys.items() if count > 1] == []


@pytest.mark.parametrize("scope", SCREENS)
def test_every_action_that_is_offered_is_there(scope: str) -> None:
    missing = [
        action.id
        for action in for_scope(scope)
        if not action.verb and not hasattr(SCREENS[scope], "do_" + action.id.replace("-", "_"))
    ]
    assert missing == []


@pytest.mark.parametrize("scope", SCREENS)
def test_read_only_offers_nothing_that_changes_anything(scope: str) -> None:
    assert all(action.danger is Danger.NONE for action in for_scope(scope, read_only=True))


def test_what_loses_work_asks() -> None:
    assert {a.id for a in ACTIONS if a.danger is Danger.ASKS} == {"prune", "cancel", "kill", "delete", "edit-space"}


@pytest.mark.parametrize("scope", SCREENS)
def test_help_names_every_action_and_key(scope: str) -> None:
    text = "\n".join(text_of(line) for line in help_lines(entries(scope, False, UNICODE), 120))
    for action in for_scope(scope):
        assert action.help in text
        assert all(shown(key) in text for key in action.keys)


def test_the_palette_finds_by_label_first() -> None:
    found = matching(for_scope("main"), "pri")
    assert found[0].id == "priority-up" and "prune" not in {a.id for a in found}
    assert matching(for_scope("main"), "nothing of this kind") == []


@pytest.mark.parametrize(
    "module",
    ["tui.store", "tui.link", "tui.rows", "tui.acting", "tui.actions", "tui.layout", "tui.braille", "tui.plain",
     "tui.views.trials", "tui.views.curves", "tui.views.studies", "tui.views.output", "tui.cli"],
)  # fmt: skip
def test_data_and_views_need_no_textual(module: str) -> None:
    code = f"import sys, {module}; sys.exit('textual' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_documented_key_map_is_the_present_one() -> None:
    page = (Path(__file__).parents[2] / "docs" / "terminal-ui.md").read_text()
    assert page == renewed(page), "renew it with: python -m tui.keymap docs/terminal-ui.md"
