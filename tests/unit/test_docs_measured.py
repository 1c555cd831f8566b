"""The tables in the playbook's page are those that the examples measured."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("measured_tables", ROOT / "docs" / "measured_tables.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_holds_the_present_tables(script: ModuleType) -> None:
    text = (ROOT / "docs" / "playbook.md").read_text()
    assert script.with_tables(text) == text, "run: python docs/measured_tables.py"


def test_every_example_with_a_table_is_there(script: ModuleType) -> None:
    measured = {
        page.parent.name for page in ROOT.glob("examples/*/README.md") if "<!-- measured -->" in page.read_text()
    }
    assert set(script.ORDER) == measured


def test_a_page_without_markers_is_refused(script: ModuleType) -> None:
    with pytest.raises(ValueError, match="markers"):
        script.with_tables("# Playbook\n")
