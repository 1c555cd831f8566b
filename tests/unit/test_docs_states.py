"""The state diagrams in the docs say what the tables say."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from tuned.core.states import STUDY_MOVES, TRIAL_MOVES

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("states_diagram", DOCS / "states_diagram.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_architecture_page_holds_the_present_diagrams(script: ModuleType) -> None:
    text = (DOCS / "architecture.md").read_text()
    assert script.with_diagrams(text) == text, "run: python docs/states_diagram.py"


def test_every_move_is_drawn_between_its_states(script: ModuleType) -> None:
    lines = (DOCS / "architecture.md").read_text().splitlines()
    for moves in (TRIAL_MOVES, STUDY_MOVES):
        for (state, event), (target, actors) in moves.items():
            arrow = [line for line in lines if line.strip().startswith(f"{state} --> {target}: ")]
            assert any(f"{event} ({', '.join(sorted(actors))})" in line for line in arrow), (state, event)


def test_an_outdated_diagram_is_noticed(script: ModuleType) -> None:
    text = (DOCS / "architecture.md").read_text()
    changed = text.replace("queued --> starting", "queued --> running", 1)
    assert changed != text
    assert script.with_diagrams(changed) == text


def test_a_page_without_markers_is_refused(script: ModuleType) -> None:
    with pytest.raises(ValueError, match="markers"):
        script.with_diagrams("# Architecture\n")
