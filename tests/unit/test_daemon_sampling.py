"""A look at the cards while trials begin."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.gpus.standin import GIB, Cards
from tuned.daemon.attempts import sampling
from tuned.daemon.machine.slots import Slots
from tuned.nvidia import Look, Nvidia


async def test_a_process_that_begins_during_the_look_is_its_trial_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The processes of trials are listed before the driver is asked: for a moment it was somebody else's."""
    monkeypatch.setattr(sampling, "_counts_as_the_host", lambda: True)
    cards = Cards(tmp_path / "cards", {"uuid": "GPU-x"}).here(monkeypatch)
    begun: list[subprocess.Popen[bytes]] = []

    class Driver(Nvidia):
        def look(self) -> Look:
            if slots is not None and not begun:
                begun.append(subprocess.Popen(["sleep", "60"]))
                cards.set(0, processes={begun[0].pid: 4 * GIB})
            return super().look()

    slots: Slots | None = None
    slots = Slots(Driver(), 1)
    live: list[Any] = [SimpleNamespace(holder="a/1", supervisor=os.getpid())]
    try:
        await sampling.sample(slots, live)
        assert (slots.blocked("GPU-x"), len(begun)) == ("", 1)
        live.clear()
        await sampling.sample(slots, live)
        assert "somebody else holds 4.0 GiB" in slots.blocked("GPU-x")
    finally:
        begun[0].kill()
        begun[0].wait()
