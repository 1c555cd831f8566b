"""Following an attempt over a real database: the end of the daemon's attention."""

from __future__ import annotations

import asyncio
from pathlib import Path
from unittest.mock import AsyncMock

import pytest

from tests.db.conftest import Lab
from tests.gpus.standin import LOST, Cards, NoDriver
from tests.patience import DEADLINE_S
from tuned.core.states import StopReason
from tuned.daemon.attempts.gpu_memory import GpuMemory
from tuned.daemon.attempts.live import Attempts
from tuned.daemon.attempts.live_attempt import LiveAttempt
from tuned.daemon.attempts.lost_cards import LostCards
from tuned.daemon.attempts.steering import Steering
from tuned.daemon.loops import Loops
from tuned.daemon.machine.slots import Ours, Slots
from tuned.nvidia import Nvidia


async def test_looking_away_does_not_wait_for_a_trial_that_reports_in_that_moment(lab: Lab, tmp_path: Path) -> None:
    (trial_id,) = lab.queue(lab.study("digits"))
    lab.claim(trial_id)
    (row,) = lab.ask(lambda conn: lab.sql("SELECT attempt_id FROM attempts"))
    attempt = LiveAttempt(trial_id, "digits", 1, 1, row[0], tmp_path, "cpu:0")
    attempts = Attempts(lab.database, Slots(NoDriver(), 1), lambda *_: None, Loops())
    attempts.follow(attempt)
    async with asyncio.timeout(DEADLINE_S):
        while not attempt.dirty._waiters:  # type: ignore[attr-defined]  # noqa: ASYNC110 - until it waits for news
            await asyncio.sleep(0.01)
    attempt.dirty.set()
    async with asyncio.timeout(DEADLINE_S):
        await attempts.close()
    assert attempts.live == {trial_id: attempt}


async def test_a_trial_that_hangs_on_a_lost_card_is_stopped_to_be_queued_again(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuned.daemon.attempts.lost_cards.STUCK_S", 0.0)
    monkeypatch.setattr("tuned.nvidia.AGAIN_S", 0.0)
    cards = Cards(tmp_path / "cards", {"uuid": "GPU-a"}, {"uuid": "GPU-b"}).here(monkeypatch)
    study_id = lab.study("digits")
    stuck, well = lab.queue(study_id, 2)
    slots, live = Slots(Nvidia(), 1), {}
    for trial_id, card in ((stuck, "GPU-a"), (well, "GPU-b")):
        lab.claim(trial_id)
        live[trial_id] = LiveAttempt(trial_id, "digits", trial_id, 1, f"a{trial_id}", tmp_path, card)
        live[trial_id].settled.set()
    steering = Steering(lab.database, live, GpuMemory(slots, live))
    monkeypatch.setattr(steering, "settle", settle := AsyncMock())
    watch = LostCards(lab.database, slots, live, steering)
    cards.load(None)
    slots.sample(Ours())
    slots.sample(Ours())
    await watch.look()
    assert lab.by_id(stuck).stop_reason is None, "a driver that is gone says nothing about cards"
    cards.load("570.1")
    cards.set(0, error=LOST)
    slots.sample(Ours())
    slots.sample(Ours())
    await watch.look()
    found = lab.by_id(stuck)
    assert (found.stop_reason, found.reason) == (StopReason.PAUSE, "gpu:0: GPU is lost")
    assert lab.by_id(well).stop_reason is None
    settle.assert_awaited_once_with([stuck])
