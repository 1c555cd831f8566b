"""The daemon's side of its helper processes: a machine that has no process for one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tuned import faults
from tuned.daemon.search.advisor_process import AdvisorFailed, AdvisorProcess


async def test_a_machine_without_a_process_to_give_is_said_and_tried_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = tmp_path / "faults"
    rules.write_text("fork advisor EAGAIN")
    monkeypatch.setattr(faults, "_FILE", str(rules))
    advisor = AdvisorProcess(tmp_path / "advisor.log")
    with pytest.raises(AdvisorFailed, match="could not be started: Resource temporarily unavailable; next try in"):
        await advisor.ask({"ping": True})
    with pytest.raises(AdvisorFailed, match="next try in"):
        await advisor.ask({"ping": True})
