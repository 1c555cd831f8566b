"""A mistake of ours while a trial is launched: that trial fails with the reason, and those behind it run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import DaemonProcess

pytestmark = pytest.mark.e2e


def test_an_unforeseen_failure_does_not_keep_its_slot(daemon: DaemonProcess, tmp_path: Path) -> None:
    armed = tmp_path / "armed"
    armed.write_text("directory.created=bug")
    daemon.slots = 1
    daemon.start(TUNED_FAILPOINTS=f"@{armed}")
    command = {"run": {"command": ["true"]}, "search": {"trials": 1}}
    daemon.submit({"name": "first", **command}, tmp_path)
    (failed,) = [daemon.wait_state("first", 1, "failed")]
    assert "this is a bug in tuned: LookupError" in failed["reason"]
    armed.write_text("")
    daemon.submit({"name": "second", **command}, tmp_path)
    assert daemon.wait_ended("second")["counts"] == {"completed": 1}
