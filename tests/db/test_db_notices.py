"""Notices of trials that have fallen silent, by their rows and files."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from storage import repository
from tuned import protocol
from tuned.core.states import Actor
from tuned.core.study.notices import QUIET_S, Notify
from tuned.daemon.notices import notifier
from tuned.daemon.notices.notifier import Notifier

NOW = 1_000_000.0


def test_a_trial_that_goes_on_after_a_night_of_standing_still_is_not_stuck(
    lab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = lab.study(notify=Notify(("true",), ("stuck",)))
    (trial,) = lab.queue(study)
    lab.claim(trial)
    metrics = tmp_path / protocol.METRICS_FILE
    metrics.touch()
    os.utime(metrics, (NOW + 5, NOW + 5))
    attempt = SimpleNamespace(trial_id=trial, attempt_id="a", run_dir=tmp_path, claimed_at=NOW)
    nothing: Any = SimpleNamespace(live={trial: attempt}, listen=lambda _: None)
    watch = Notifier(lab.database, nothing, nothing, lambda: ("", False), lambda _: 10.0)

    def said(at: float) -> list[str]:
        monkeypatch.setattr(notifier.clock, "now", lambda: NOW + at)
        return [order.notice.text for order in watch._look()]

    for at, still in ((10, True), (40_000, False)):
        lab.do(repository.set_frozen, trial, still, "freeze", Actor.USER, NOW + at)
    assert said(40_001) == [], "it was silent for six seconds of its time"
    assert said(40_000 + QUIET_S) != [], "all of its time that is, it says nothing"
