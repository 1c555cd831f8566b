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
from tuned.daemon.attempts.live_attempt import LiveAttempt
from tuned.daemon.machine.slots import Ours, Slots
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


@pytest.mark.parametrize("counts", [True, False], ids=["by its counter", "by its power"])
async def test_energy_before_an_adopted_attempt_s_first_sample_is_by_the_power_of_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counts: bool
) -> None:
    """Its daemon died before it had looked at the card, and an hour later the next one looks."""
    cards = Cards(tmp_path / "cards", {"uuid": "GPU-x", "power": 90_000}).here(monkeypatch)
    counter = {"energy": 5_000_000} if counts else {}
    cards.set(0, **counter)
    slots = Slots(Nvidia(), 1)
    monkeypatch.setattr(sampling.clock, "now", lambda: 7200.0)
    attempt = LiveAttempt(1, "s", 1, 1, "a", tmp_path, "GPU-x", claimed_at=3600.0, unsampled_since=3600.0)
    slots.sample(Ours())
    sampling._record(slots, attempt, (), 0.0)
    told = {name: value for name, _, value, _ in attempt.samples}
    assert told["gpu/watt_hours"] == pytest.approx(90.0)
    sampling._record(slots, attempt, (), 0.0)
    assert attempt.samples[-1][3] == 7200.0
    again = [value for name, _, value, _ in attempt.samples if name == "gpu/watt_hours"]
    assert again == pytest.approx([90.0, 90.0], rel=1e-3), "that hour counts once"
