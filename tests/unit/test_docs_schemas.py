"""The published shapes of `--json` are the present ones, and each is of a verb."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from tuned.core.verbs import BY_NAME

SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "schemas.py"


def test_the_published_schemas_are_current() -> None:
    spec = importlib.util.spec_from_file_location("docs_schemas", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["docs_schemas"] = module  # its dataclasses look their annotations up there
    spec.loader.exec_module(module)
    assert module.PAGE.read_text() == module.text(), "run: python docs/schemas.py"
    assert {name.split()[0] for name in module.SHAPES} <= set(BY_NAME)
