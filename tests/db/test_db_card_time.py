"""Attempts on cards as the account of their time reads them."""

from __future__ import annotations

import uuid
from math import inf
from typing import Any

from storage import queries, repository
from tuned.core.cards.time import Stay
from tuned.core.states import Actor

NOW = 1_000_000.0


def test_a_trial_that_stood_still_says_so_also_when_that_began_before_the_window(lab: Any) -> None:
    (trial,) = lab.queue(lab.study())
    attempt = lab.do(repository.claim, trial, "GPU-a", uuid.uuid4().hex, "/runs/s/1", NOW)
    lab.do(repository.started, trial, attempt, {"supervisor_pid": 4, "supervisor_start": 5, "started_at": NOW}, NOW)

    def stay(since: float) -> Stay:
        ((found,),) = lab.ask(queries.card_stays, since).values()
        return found  # type: ignore[no-any-return]

    for at, frozen in ((10, True), (20, False), (50, True)):
        lab.do(repository.set_frozen, trial, frozen, "freeze", Actor.USER, NOW + at)
    assert stay(NOW).still == ((NOW + 10, NOW + 20), (NOW + 50, inf))
    assert stay(NOW + 15).still == ((NOW, NOW + 20), (NOW + 50, inf)), "it stood still when the window began"
    assert stay(NOW + 60).still == ((NOW, inf),)
    assert lab.ask(lambda conn: queries.still_times(conn, queries.live(conn))) == [stay(NOW).still]
    assert lab.ask(lambda conn: queries.still_times(conn, [])) == []
    lab.do(repository.set_frozen, trial, False, "", Actor.USER, NOW + 70)
    lab.end(trial, now=NOW + 80)
    assert stay(NOW).still == ((NOW + 10, NOW + 20), (NOW + 50, NOW + 70))
