"""Files that are made from the code are the present ones."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner

from tuned.cli.verbs.completion import SHELLS, completion
from tuned.core.verbs import BY_NAME

ROOT = Path(__file__).resolve().parents[2]


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"generator_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module  # dataclasses look their annotations up there
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("script", ["docs/schemas.py", "packaging/man_page.py"])
def test_the_file_is_current(script: str) -> None:
    module = load(ROOT / script)
    assert module.PAGE.read_text() == module.text(), f"run: python {script}"


@pytest.mark.parametrize("shell", SHELLS)
def test_the_completions_of_the_wheel_are_current(shell: str) -> None:
    file = f"packaging/completions/tunectl.{shell}"
    printed = CliRunner().invoke(completion, [shell]).output
    assert (ROOT / file).read_text() == printed, f"run: tunectl completion {shell} > {file}"


def test_every_published_shape_is_of_a_verb() -> None:
    assert {name.split()[0] for name in load(ROOT / "docs/schemas.py").SHAPES} <= set(BY_NAME)
