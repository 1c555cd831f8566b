"""What goes when the disk is to be freed, and what stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tuned.core.trials.keeping import Removal
from tuned.daemon.files.retention import Retention
from tuned.home import home_at


@pytest.mark.parametrize(
    ("part", "left"),
    [
        ("work", {"output.log", "spec.json", "gradients.json"}),
        ("log", {"work", "predictions", "spec.json", "gradients.json"}),
    ],
)
def test_a_part_goes_and_the_records_stay(part: str, left: set[str], tmp_path: Path) -> None:
    attempt = tmp_path / "runs" / "digits" / "3" / "1"
    for folder in ("work", "predictions"):
        (attempt / folder).mkdir(parents=True)
        (attempt / folder / "file").write_text("x")
    for name in ("output.log", "spec.json", "gradients.json"):
        (attempt / name).write_text("{}")
    nobody: Any = None
    Retention(home_at(tmp_path, "--home"), nobody)._remove(Removal("digits", 3, part, 1))
    assert {path.name for path in attempt.iterdir()} == left
