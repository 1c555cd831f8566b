"""The daemon's side of its helper processes: a machine that has no process for one."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.conftest import wait_until
from tests.unit.test_daemon_escalation import lives
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
    assert "Resource temporarily unavailable" in advisor.trouble
    later = time.monotonic() + 10
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert (advisor.trouble, advisor.state) == ("", "idle"), "the study that asked may have been deleted since"
    assert AdvisorProcess(tmp_path / "another.log").trouble == ""


async def test_one_that_hangs_is_ended_with_what_it_has_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A compiler that outlives its advisor goes on for minutes, and what it has locked stays locked."""
    program, child = tmp_path / "python", tmp_path / "child"
    program.write_text(f"#!/bin/sh\nsleep 600 &\necho $! > {child}.new && mv {child}.new {child}\nwait\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    advisor = AdvisorProcess(tmp_path / "advisor.log")
    await advisor.start()
    await asyncio.to_thread(wait_until, child.exists, "it has started another")
    with pytest.raises(AdvisorFailed, match="gave no answer") as caught:
        await advisor.ask({"ping": True}, within_s=0.05)
    assert caught.value.hung and advisor.pid is None
    await asyncio.to_thread(wait_until, lambda: not lives(int(child.read_text())), "the other one ends as well")
