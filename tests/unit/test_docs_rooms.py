"""`docs/architecture.md` names every room, and every single file at the top of a large room, exactly once."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("tuned", "storage", "tui")
LARGE = ("tuned", "tuned/core", "tuned/daemon")
"""Rooms whose own files have a line each; everywhere else a file's name says enough within its room."""


def named() -> Counter[str]:
    """Paths in the first cells of the tables of rooms and files."""
    text = (ROOT / "docs" / "architecture.md").read_text().partition("## Rooms")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`[^|]+) \|", text, re.MULTILINE)
    return Counter(path for cell in cells for path in re.findall(r"`([^`]+)`", cell))


def rooms() -> set[str]:
    """Every folder of the packages, with a slash behind it."""
    files = [path for package in PACKAGES for path in ROOT.joinpath(package).rglob("*") if path.is_file()]
    folders = {path.parent for path in files if "__pycache__" not in path.parts}
    return {f"{folder.relative_to(ROOT).as_posix()}/" for folder in folders}


def single_files() -> set[str]:
    found = [path for room in LARGE for path in ROOT.joinpath(room).glob("*.py") if not path.stem.startswith("__")]
    return {path.relative_to(ROOT).as_posix() for path in found}


@pytest.mark.parametrize(("present", "ending"), [(rooms(), "/"), (single_files(), ".py")], ids=["rooms", "files"])
def test_each_is_named_once(present: set[str], ending: str) -> None:
    lines = {path: times for path, times in named().items() if path.endswith(ending)}
    assert sorted(present - set(lines)) == [], "without a line"
    assert sorted(set(lines) - present) == [], "named, and not there"
    assert [path for path, times in lines.items() if times > 1] == [], "named twice"
