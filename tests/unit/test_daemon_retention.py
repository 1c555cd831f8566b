"""What goes when the disk is to be freed, and what stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tuned import faults
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
    (attempt,) = filled(tmp_path, 1)
    assert keeper(tmp_path)._remove(Removal("digits", 3, part, 1), lambda: True)
    assert {path.name for path in attempt.iterdir()} == left


@pytest.mark.parametrize(
    ("rule", "part", "stays"),
    [
        ("unlink file EIO", "work", {"work", "predictions"}),
        ("unlink predictions EROFS", "work", {"predictions"}),
        ("open work EACCES", "work", {"work"}),
        ("unlink output.log EIO", "log", {"output.log"}),
    ],
)
def test_what_a_disk_refuses_stays_is_not_counted_and_goes_another_time(
    rule: str, part: str, stays: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts, rules = filled(tmp_path, 2), tmp_path / "faults"
    rules.write_text(rule)
    monkeypatch.setattr(faults, "_FILE", str(rules))
    kept = keeper(tmp_path)
    assert not kept._remove(Removal("digits", 3, part, 1), lambda: True)
    gone = {"work": {"work", "predictions"}, "log": {"output.log"}}[part] - stays
    for attempt in attempts:  # the first one in trouble does not keep the second
        names = {path.name for path in attempt.iterdir()}
        assert stays <= names and not gone & names
    rules.write_text("")
    assert kept._remove(Removal("digits", 3, part, 1), lambda: True)
    assert not any((attempt / name).exists() for attempt in attempts for name in stays)


def filled(home: Path, attempts: int) -> list[Path]:
    """The run directories of a trial that has ended."""
    folders = [home / "runs" / "digits" / "3" / str(number) for number in range(1, attempts + 1)]
    for attempt in folders:
        for folder in ("work", "predictions"):
            (attempt / folder).mkdir(parents=True)
            (attempt / folder / "file").write_text("x")
        for name in ("output.log", "spec.json", "gradients.json"):
            (attempt / name).write_text("{}")
    return folders


def keeper(home: Path) -> Retention:
    nobody: Any = None
    return Retention(home_at(home, "--home"), nobody)
