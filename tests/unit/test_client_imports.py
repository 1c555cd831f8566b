"""Which of a script's imports an interpreter does not have, asked without importing any."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tuned.client.imports import missing_imports

GONE = "surely_nowhere_to_be_found"


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        (f"import os, {GONE}.deep\nfrom {GONE}2 import x", [GONE, f"{GONE}2"]),
        ("import json, sys, tuned, beside\nfrom . import y\nfrom beside import z", []),
        (f"try:\n    import {GONE}\nexcept ImportError:\n    pass\ndef f():\n    import {GONE}\n", []),
        (f"import sys\nsys.path.append('lib')\nimport {GONE}", []),
        ("import broken_when_imported", []),
        ("def (", []),
    ],
)
def test_what_is_missing(tmp_path: Path, text: str, missing: list[str]) -> None:
    script = tmp_path / "train.py"
    script.write_text(text)
    (tmp_path / "beside.py").write_text("")
    (tmp_path / "broken_when_imported.py").write_text("raise SystemExit(3)")
    assert missing_imports(sys.executable, script) == missing


def test_the_studys_environment_counts(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(f"import {GONE}")
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / f"{GONE}.py").write_text("")
    assert missing_imports(sys.executable, script) == [GONE]
    assert missing_imports(sys.executable, script, {"PYTHONPATH": str(tmp_path / "lib")}) == []


def test_nothing_is_said_when_it_cannot_be_told(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text("import os")
    assert missing_imports(str(tmp_path / "no-python"), script) == []
    assert missing_imports(sys.executable, tmp_path / "gone.py") == []
