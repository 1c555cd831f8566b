"""Following an attempt over a real database: the end of the daemon's attention."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.db.conftest import Lab
from tests.gpus.standin import NoDriver
from tuned.daemon.attempts.live import Attempts
from tuned.daemon.attempts.live_attempt import LiveAttempt
from tuned.daemon.machine.slots import Slots


async def test_looking_away_does_not_wait_for_a_trial_that_reports_in_that_moment(lab: Lab, tmp_path: Path) -> None:
    (trial_id,) = lab.queue(lab.study("digits"))
    lab.claim(trial_id)
    (row,) = lab.ask(lambda conn: lab.sql("SELECT attempt_id FROM attempts"))
    attempt = LiveAttempt(trial_id, "digits", 1, 1, row[0], tmp_path, "cpu:0")
    attempts = Attempts(lab.database, Slots(NoDriver(), 1), lambda *_: None)
    attempts.follow(attempt)
    async with asyncio.timeout(60):
        while not attempt.dirty._waiters:  # type: ignore[attr-defined]  # noqa: ASYNC110 - until it waits for news
            await asyncio.sleep(0.01)
    attempt.dirty.set()
    async with asyncio.timeout(60):
        await attempts.close()
    assert attempts.live == {trial_id: attempt}
