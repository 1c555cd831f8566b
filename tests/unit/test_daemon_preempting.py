"""The cost of stopping a trial for an urgent one, as the daemon counts it."""

from __future__ import annotations

from math import inf
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tuned.core.queue.preempting import Holder, Urgent, make_room, why_none
from tuned.core.states import TrialState
from tuned.daemon import clock
from tuned.daemon.preempting import Preempting

NOW, SAVED = 10_000.0, 2_000.0
"""A trial was claimed at 1,000, saved last at `SAVED`, and takes 5,000 seconds."""
URGENT = Urgent(9, 100, 1.0)


def holder(
    monkeypatch: pytest.MonkeyPatch, still: tuple[tuple[float, float], ...], state: TrialState = TrialState.RUNNING
) -> Holder:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    slots, pace = SimpleNamespace(leases={}), SimpleNamespace(trial_s=5_000.0)
    suggesting: Any = SimpleNamespace(pace=lambda _: pace)
    any_: Any = slots
    found = Preempting(any_, any_, any_, suggesting, Path())
    monkeypatch.setattr(found, "_saved_at", lambda *_: SAVED)
    frozen = bool(still) and still[-1][1] == inf
    trial = SimpleNamespace(
        id=1,
        priority=0,
        device="g0",
        state=state,
        frozen=frozen,
        retries_used={},
        stop_reason=None,
        name="s/1",
    )
    run = SimpleNamespace(preemptible=None, gpus=1.0)
    study: Any = SimpleNamespace(id=1, priority=0, spec=SimpleNamespace(run=run))
    row: Any = SimpleNamespace(trial=trial, claimed_at=1_000.0)
    return found._holder(row, study, True, still)


def test_a_time_in_which_a_trial_stood_still_is_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """After an hour of `pause --level freeze` it counted as nearly done, with an hour to lose, and made no room."""
    one = holder(monkeypatch, ((1_500.0, 1_700.0), (2_010.0, 9_990.0)))
    assert (one.loss_s, one.rest_s) == (20.0, 5_000.0 - (500 + 300 + 20))
    assert make_room(URGENT, [one], {"g0": 0.0}) == [one]


@pytest.mark.parametrize(
    ("still", "state"), [(((3_000.0, inf),), TrialState.RUNNING), ((), TrialState.STARTING)], ids=["frozen", "starting"]
)
def test_who_stands_still_or_begins_says_so(monkeypatch: pytest.MonkeyPatch, still: Any, state: TrialState) -> None:
    """It was told to have no checkpoint to go on from."""
    assert why_none(URGENT, [holder(monkeypatch, still, state)]).endswith("1 x paused in memory, or about to begin")
